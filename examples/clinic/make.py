#!/usr/bin/env python3
"""Generates the files of this directory: two hundred invented patients, their documents, and a file of ten rows with a
different error in each.

    python3 examples/clinic/make.py

Requires only Python 3. The output is the same on every run: nothing is random or depends on the date. All patients are
fictitious: names are combined from lists, email addresses are at example.com, and phone numbers are 555 numbers. The IDs
are those of the vendor's Examples page, so every server with that data accepts the rows.
"""

import csv
import io
import pathlib
import struct
import unicodedata
import zlib

HERE = pathlib.Path(__file__).parent

FIRST = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"  # a group, the appointment type and the document class
SECOND = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72"  # the organization and the appointment status
THIRD = "2097e072-92f6-4333-99d6-9693d63be652"  # a group and the practitioner

COLUMNS = [
    "first-name", "last-name", "birth-date", "gender", "email", "mobile-phone", "locale", "individual-group-ids",
    "username", "organization-id", "invite",
    "document-1-class", "document-1-name", "document-1-description", "document-1-path",
    "document-2-class", "document-2-name", "document-2-description", "document-2-path",
    "appointment-practitioner", "appointment-type", "appointment-status", "appointment-start-time",
    "appointment-end-time", "appointment-add-video-channel", "appointment-guest-url", "appointment-host-url",
    "appointment-description", "appointment-patient-instruction", "appointment-location",
]

# First names and genders. There are 20 first names and 19 last names. 20 and 19 have no common factor, so the first 380
# combinations are different.
FIRST_NAMES = [
    ("José", "male"), ("Anaïs", "female"), ("Zoë", "female"), ("Björn", "male"), ("Siân", "female"),
    ("Łukasz", "male"), ("Mary-Jane", "female"), ("Renée", "pnta"), ("Ólafur", "male"), ("Thảo", "female"),
    ("Αλεξάνδρα", "female"), ("Δημήτρης", "male"), ("D'Andre", "male"), ("Chidi", "other"), ("Ñusta", "female"),
    ("James", "male"), ("Priya", "female"), ("Yael", "unknown"), ("Tomás", "male"), ("Ivy", "female"),
]
LAST_NAMES = [
    "O'Sullivan", "Núñez", "Müller", "D'Angelo", "Nguyễn", "Wójcik", "Smith-Jones", "van der Berg", "Ångström",
    "Παπαδοπούλου", "Reece", "Çelik", "Ó Briain", "Washington, Jr.", "Ferreira da Silva", "Lee", "Štěpánek", "Okafor",
    "Ντάλας",
]
# Letters that Unicode does not decompose into an ASCII letter and an accent.
LETTERS = str.maketrans({"Ł": "L", "ł": "l", "Ø": "O", "ø": "o", "đ": "d", "ß": "ss"})
GREEK = str.maketrans("αβγδεζηθικλμνξοπρσςτυφχψω", "avgdezitiklmnxoprsstyfhpo")

LEAP_DAYS = ["1952-02-29", "1988-02-29", "1996-02-29", "2000-02-29", "2004-02-29", "2024-02-29"]
AREA_CODES = ["202", "303", "415", "617"]

PDFS = {
    "consent-to-treatment.pdf": "Consent to treatment",
    "privacy-notice.pdf": "Notice of privacy practices",
    "referral-letter.pdf": "Referral letter",
    "discharge-summary.pdf": "Discharge summary",
    "care-plan.pdf": "Care plan",
    "Überweisung Kardiologie.pdf": "Ueberweisung Kardiologie",
}
PNGS = {"insurance-card-front.png": (0, 90, 160), "insurance-card-back.png": (200, 120, 0), "wound photo.png": (150, 40, 60)}
NOTES = [
    "",
    "Brought to the first visit, signed on paper",
    "Two pages, the second one blank",
    'Filed as "urgent" by the front desk',
    "First line of a note\nand its second line",
]


def ascii_of(name):
    """Returns a name in the form that is used in email addresses."""
    plain = unicodedata.normalize("NFD", name.translate(LETTERS).lower()).translate(GREEK)
    return "".join(letter for letter in plain if letter.isascii() and letter.isalpha())


def birth_date(number):
    if number % 25 == 3:
        return LEAP_DAYS[number // 25 % len(LEAP_DAYS)]
    return f"{1931 + number * 37 % 93:04}-{1 + number * 5 % 12:02}-{1 + number * 11 % 28:02}"


def patient(number):
    first_name, gender = FIRST_NAMES[number % len(FIRST_NAMES)]
    last_name = LAST_NAMES[number % len(LAST_NAMES)]
    email = f"{ascii_of(first_name)}.{ascii_of(last_name)}.{number + 1}@example.com"
    phone = f"+1{AREA_CODES[number // 100]}55501{number % 100:02}"
    # Most patients have an email address and a phone number, some have only one of them.
    if number % 5 == 1:
        email = ""
    elif number % 5 == 2:
        phone = ""
    row = dict.fromkeys(COLUMNS, "")
    row.update({
        "first-name": first_name,
        "last-name": last_name,
        "birth-date": birth_date(number),
        "gender": gender,
        "email": email,
        "mobile-phone": phone,
        "locale": ["", "en_US", "es_US"][number % 3],
        "individual-group-ids": ["", FIRST, f"{FIRST};{THIRD}"][number // 2 % 3],
        # Set only if it differs from the default, which is the email address.
        "username": phone if email and phone and number % 20 == 5 else "",
        "organization-id": SECOND,
        "invite": invitation(number, email, phone),
    })
    documents(row, number)
    appointment(row, number)
    return row


def invitation(number, email, phone):
    channels = ["email"] * bool(email) + ["sms"] * bool(phone)
    return ["", channels[0], ";".join(channels)][number % 3]


def documents(row, number):
    names = [*PDFS, *PNGS]
    for document in range(number % 3):
        path = names[(number * 2 + document * 5) % len(names)]
        row.update({
            f"document-{document + 1}-class": FIRST,
            f"document-{document + 1}-name": path.rsplit(".", 1)[0].replace("-", " ").capitalize(),
            f"document-{document + 1}-description": NOTES[(number + document) % len(NOTES)],
            f"document-{document + 1}-path": path,
        })


def appointment(row, number):
    if number % 4 == 3:
        return
    day, slot = 1 + number // 16, number % 16
    start, end = 9 * 60 + slot * 30, 9 * 60 + slot * 30 + 25
    has_channel = number % 8 != 5
    row.update({
        "appointment-practitioner": THIRD,
        "appointment-type": FIRST,
        "appointment-status": SECOND,
        "appointment-start-time": f"2030-09-{day:02}T{start // 60:02}:{start % 60:02}:00Z",
        "appointment-end-time": f"2030-09-{day:02}T{end // 60:02}:{end % 60:02}:00Z",
        "appointment-add-video-channel": "true" if has_channel else "false",
        "appointment-guest-url": "" if has_channel else f"https://example.com/guest/{number + 1}",
        "appointment-host-url": "" if has_channel else f"https://example.com/host/{number + 1}",
        "appointment-description": ["First visit", "First visit, with an interpreter", ""][number % 3],
        "appointment-patient-instruction": [
            "",
            "Please have your list of medicines at hand, and a glass of water",
            "To reschedule:\nhttps://example.com/reschedule",
        ][number // 3 % 3],
        "appointment-location": "Virtual" if has_channel else "Room 4, second floor",
    })


def wrong_rows():
    """Returns ten rows with exactly one error each."""

    def row(number, **changes):
        good = patient(12)
        good.update({
            "first-name": "Wrong",
            "last-name": f"Row {number}",
            "email": f"wrong.{number}@example.com",
            "mobile-phone": f"+14155550{160 + number}",
            "username": "",
            "invite": "",
        })
        good.update({name.replace("_", "-"): value for name, value in changes.items()})
        return good

    document = {"document-1-class": FIRST, "document-1-name": "Referral letter"}
    return [
        row(1, birth_date="1990-02-30"),  # not a date
        row(2, gender="woman"),  # not an allowed value
        row(3, email="", mobile_phone=""),  # neither email address nor phone number
        row(4, mobile_phone="(415) 555-0164"),  # not E.164
        row(5, email="wrong.5.example.com"),  # not an email address
        row(6, locale="fr_FR"),  # not a supported language
        row(7, organization_id="8d25a2a6"),  # not a complete ID
        row(8, invite="pigeon"),  # not an invitation channel
        {**row(9), **document, "document-1-path": "../letter.pdf"},  # outside the documents directory
        row(10, appointment_end_time="2030-09-01T08:00:00Z"),  # ends before it starts
    ]


def write_csv(name, rows):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (HERE / name).write_bytes(text.getvalue().encode())


def pdf(title):
    """Returns a minimal PDF 1.4 file with one page of text."""
    stream = f"BT /F1 24 Tf 72 720 Td ({title}) Tj 0 -36 Td /F1 12 Tf (An invented document.) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table) + trailer


def png(color, width=64, height=40):
    """Returns an image of one color with a lighter stripe. It is not compressed, because versions of zlib compress differently."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    stripe = bytes(min(255, channel + 80) for channel in color)
    lines = [b"\0" + (stripe if 8 <= line < 14 else bytes(color)) * width for line in range(height)]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(lines), 0)) + chunk(b"IEND", b"")


def main():
    directory = HERE / "documents"
    directory.mkdir(exist_ok=True)
    for name, title in PDFS.items():
        (directory / name).write_bytes(pdf(title))
    for name, color in PNGS.items():
        (directory / name).write_bytes(png(color))
    write_csv("patients.csv", map(patient, range(200)))
    write_csv("wrong.csv", wrong_rows())


if __name__ == "__main__":
    main()
