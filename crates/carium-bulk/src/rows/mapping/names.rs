//! Names of columns in several languages, and the codes of genders and languages.

use unicode_normalization::UnicodeNormalization as _;

/// What a column probably holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    FirstName,
    LastName,
    FullName,
    BirthDate,
    Gender,
    Email,
    Mobile,
    Phone,
    Language,
    Key,
}

/// The languages of names of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
    French,
    Spanish,
    Italian,
    Dutch,
    Portuguese,
}

use Language::{Dutch, English, French, German, Italian, Portuguese, Spanish};

/// The names, in lower case, without spaces, punctuation and diacritics.
const NAMES: &[(Meaning, Language, &[&str])] = &[
    (
        Meaning::FirstName,
        English,
        &[
            "firstname",
            "first",
            "given",
            "givenname",
            "givennames",
            "forename",
            "forenames",
            "fname",
            "patientfirstname",
            "patientfirst",
            "namefirst",
            "firstnames",
        ],
    ),
    (Meaning::FirstName, German, &["vorname", "vornamen", "rufname"]),
    (Meaning::FirstName, French, &["prenom", "prenoms"]),
    (Meaning::FirstName, Spanish, &["nombre", "nombres", "primernombre"]),
    (Meaning::FirstName, Italian, &["nome"]),
    (Meaning::FirstName, Dutch, &["voornaam", "voornamen", "roepnaam"]),
    (Meaning::FirstName, Portuguese, &["primeironome", "nomeproprio"]),
    (
        Meaning::LastName,
        English,
        &[
            "lastname",
            "last",
            "surname",
            "family",
            "familyname",
            "lname",
            "patientlastname",
            "patientlast",
            "namelast",
        ],
    ),
    (Meaning::LastName, German, &["nachname", "familienname", "zuname"]),
    (Meaning::LastName, French, &["nom", "nomdefamille", "nomusuel"]),
    (Meaning::LastName, Spanish, &["apellido", "apellidos", "primerapellido"]),
    (Meaning::LastName, Italian, &["cognome"]),
    (Meaning::LastName, Dutch, &["achternaam", "familienaam"]),
    (Meaning::LastName, Portuguese, &["apelido", "sobrenome", "ultimonome"]),
    (Meaning::FullName, English, &["patientname", "fullname", "name", "patient"]),
    (Meaning::FullName, French, &["nomcomplet", "nomprenom", "nometprenom"]),
    (Meaning::FullName, Spanish, &["nombrecompleto", "apellidosynombre"]),
    (Meaning::FullName, Portuguese, &["nomecompleto"]),
    (
        Meaning::BirthDate,
        English,
        &[
            "dob",
            "birthdate",
            "dateofbirth",
            "birthday",
            "born",
            "bdate",
            "patientdob",
            "patientbirthdate",
            "birthdt",
        ],
    ),
    (Meaning::BirthDate, German, &["geburtsdatum", "geburtstag", "gebdatum", "gebdat", "geb"]),
    (Meaning::BirthDate, French, &["datedenaissance", "datenaissance", "naissance", "ddn"]),
    (Meaning::BirthDate, Spanish, &["fechadenacimiento", "fechanacimiento", "nacimiento", "fnacimiento"]),
    (Meaning::BirthDate, Italian, &["datadinascita", "datanascita", "nascita"]),
    (Meaning::BirthDate, Dutch, &["geboortedatum", "gebdatum"]),
    (Meaning::BirthDate, Portuguese, &["datadenascimento", "datanascimento", "nascimento"]),
    (
        Meaning::Gender,
        English,
        &[
            "sex",
            "gender",
            "administrativegender",
            "administrativesex",
            "patientsex",
            "patientgender",
            "legalsex",
        ],
    ),
    (Meaning::Gender, German, &["geschlecht"]),
    (Meaning::Gender, French, &["sexe", "genre"]),
    (Meaning::Gender, Spanish, &["sexo", "genero"]),
    (Meaning::Gender, Italian, &["sesso", "genere"]),
    (Meaning::Gender, Dutch, &["geslacht"]),
    (Meaning::Email, English, &["email", "emailaddress", "mail", "patientemail", "emailid", "primaryemail"]),
    (Meaning::Email, German, &["emailadresse", "mailadresse"]),
    (Meaning::Email, French, &["courriel", "adressemail", "adresseemail", "adresseelectronique"]),
    (Meaning::Email, Spanish, &["correo", "correoelectronico", "direcciondecorreo"]),
    (Meaning::Email, Italian, &["indirizzoemail", "postaelettronica"]),
    (Meaning::Email, Dutch, &["emailadres", "mailadres"]),
    (Meaning::Email, Portuguese, &["enderecodeemail", "correioeletronico"]),
    (
        Meaning::Mobile,
        English,
        &[
            "mobile",
            "mobilephone",
            "mobilenumber",
            "mobileno",
            "cell",
            "cellphone",
            "cellnumber",
            "cellular",
            "cellphonenumber",
            "mobilephonenumber",
            "patientcell",
        ],
    ),
    (
        Meaning::Mobile,
        German,
        &["handy", "handynummer", "mobil", "mobilnummer", "mobiltelefon", "mobilfunk", "handynr"],
    ),
    (
        Meaning::Mobile,
        French,
        &["portable", "telephoneportable", "telportable", "telephonemobile", "telmobile"],
    ),
    (Meaning::Mobile, Spanish, &["movil", "telefonomovil", "celular", "telefonocelular"]),
    (Meaning::Mobile, Italian, &["cellulare", "telefonocellulare", "numerocellulare"]),
    (Meaning::Mobile, Dutch, &["mobiel", "mobielnummer", "gsm", "mobieletelefoon"]),
    (Meaning::Mobile, Portuguese, &["telemovel"]),
    (
        Meaning::Phone,
        English,
        &[
            "phone",
            "phonenumber",
            "telephone",
            "tel",
            "telephonenumber",
            "patientphone",
            "homephone",
            "primaryphone",
        ],
    ),
    (Meaning::Phone, German, &["telefon", "telefonnummer", "telefonnr"]),
    (Meaning::Phone, French, &["numerodetelephone"]),
    (Meaning::Phone, Spanish, &["telefono", "numerodetelefono"]),
    (Meaning::Phone, Dutch, &["telefoon", "telefoonnummer"]),
    (Meaning::Phone, Portuguese, &["telefone"]),
    (Meaning::Language, English, &["language", "preferredlanguage", "lang", "locale"]),
    (Meaning::Language, German, &["sprache", "muttersprache"]),
    (Meaning::Language, French, &["langue"]),
    (Meaning::Language, Spanish, &["idioma"]),
    (Meaning::Language, Italian, &["lingua"]),
    (Meaning::Language, Dutch, &["taal"]),
    (
        Meaning::Key,
        English,
        &[
            "mrn",
            "patientid",
            "patientnumber",
            "patientno",
            "medicalrecordnumber",
            "medrecno",
            "patid",
            "id",
            "identifier",
            "externalid",
            "chartnumber",
            "recordnumber",
            "patientidentifier",
        ],
    ),
    (Meaning::Key, German, &["patientennr", "patientennummer", "patnr", "patientnr", "patientenid", "pid"]),
    (Meaning::Key, French, &["numeropatient", "ipp", "numerodedossier", "idpatient"]),
    (Meaning::Key, Spanish, &["numerodepaciente", "historiaclinica", "nhc", "idpaciente"]),
    (Meaning::Key, Italian, &["codicepaziente", "numeropaziente", "idpaziente"]),
    (Meaning::Key, Dutch, &["patientnummer"]),
    (Meaning::Key, Portuguese, &["numerodoutente", "numeroutente", "idpaciente"]),
];

/// Returns what a column probably holds, by its name.
pub(super) fn meaning(name: &str) -> Option<(Meaning, Language)> {
    let name = simplify(name);
    let known = NAMES.iter().find(|(_, _, names)| names.contains(&name.as_str()));
    known.map(|(meaning, language, _)| (*meaning, *language))
}

/// Returns the field that a column with a common name holds, such as `birth-date` for `DOB`.
pub(in crate::rows) fn common_name(name: &str) -> Option<&'static str> {
    match meaning(name)?.0 {
        Meaning::FirstName => Some("first-name"),
        Meaning::LastName => Some("last-name"),
        Meaning::BirthDate => Some("birth-date"),
        Meaning::Gender => Some("gender"),
        Meaning::Email => Some("email"),
        Meaning::Mobile | Meaning::Phone => Some("mobile-phone"),
        Meaning::Language => Some("locale"),
        Meaning::FullName | Meaning::Key => None,
    }
}

/// Returns a name in lower case without diacritics, spaces, punctuation and text in parentheses.
fn simplify(name: &str) -> String {
    let mut depth = 0_u32;
    let mut simple = String::new();
    for letter in name.chars().take(100).flat_map(char::to_lowercase).nfd() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            letter if depth == 0 && letter.is_alphanumeric() => simple.push(letter),
            _ => {}
        }
    }
    simple
}

/// Returns the gender of a code or word.
pub(super) fn gender(value: &str) -> Option<&'static str> {
    match simplify(value).as_str() {
        "f" | "female" | "w" | "weiblich" | "frau" | "femme" | "feminin" | "femminile" | "femmina"
        | "mujer" | "femenino" | "feminino" | "mulher" | "vrouw" | "vrouwelijk" | "v" | "woman" => {
            Some("female")
        }
        "m" | "male" | "mannlich" | "maennlich" | "mann" | "herr" | "homme" | "h" | "masculin" | "hombre"
        | "masculino" | "homem" | "maschio" | "maschile" | "man" | "mannelijk" => Some("male"),
        "d" | "divers" | "diverse" | "o" | "other" | "x" | "autre" | "a" | "otro" | "altro" | "anders"
        | "outro" | "nonbinary" => Some("other"),
        "u" | "unknown" | "unk" | "unbekannt" | "inconnu" | "desconocido" | "sconosciuto" | "onbekend"
        | "desconhecido" => Some("unknown"),
        "pnta" | "prefernottoanswer" | "declined" => Some("pnta"),
        _ => None,
    }
}

/// Returns the locale of a language.
pub(super) fn locale(value: &str) -> Option<&'static str> {
    let value = simplify(value);
    match value.as_str() {
        "english" | "englisch" | "anglais" | "ingles" | "eng" => Some("en_US"),
        "spanish" | "spanisch" | "espagnol" | "espanol" | "spa" => Some("es_US"),
        code if code == "en" || (code.starts_with("en") && code.len() == 4) => Some("en_US"),
        code if code == "es" || (code.starts_with("es") && code.len() == 4) => Some("es_US"),
        _ => None,
    }
}

/// Returns the order of day and month that a name states, such as `dd/mm` in `Birth date (dd/mm/yyyy)`: whether the
/// day is first.
pub(super) fn stated_order(name: &str) -> Option<bool> {
    let name: String = name.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect();
    if ["ddmm", "jjmm", "ttmm", "ggmm"].iter().any(|order| name.contains(order)) {
        return Some(true);
    }
    ["mmdd", "mmjj", "mmtt", "mmgg"].iter().any(|order| name.contains(order)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_names_in_several_languages() {
        for (name, expected) in [
            ("First Name", Some(Meaning::FirstName)),
            ("first_name", Some(Meaning::FirstName)),
            ("PRÉNOM", Some(Meaning::FirstName)),
            ("Vorname", Some(Meaning::FirstName)),
            ("Date de naissance (JJ/MM/AAAA)", Some(Meaning::BirthDate)),
            ("Geburtsdatum", Some(Meaning::BirthDate)),
            ("Fecha de nacimiento", Some(Meaning::BirthDate)),
            ("E-Mail", Some(Meaning::Email)), // words: quoted
            ("Telemóvel", Some(Meaning::Mobile)),
            ("Shoe size", None),
        ] {
            assert_eq!(meaning(name).map(|(meaning, _)| meaning), expected, "{name}");
        }
        assert_eq!(stated_order("Date de naissance (JJ/MM/AAAA)"), Some(true));
        assert_eq!(stated_order("DOB mm/dd/yyyy"), Some(false));
        assert_eq!(stated_order("DOB"), None);
    }
}
