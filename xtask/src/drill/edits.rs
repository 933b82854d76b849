//! The ten edits of the drill: what a vendor does to an API, as it is written into the spec.
//!
//! Each is what a maintainer would write, whole: with the examples that follow, and with the schemas that nothing
//! reaches any more taken out. What is expected of each is said beside it.

use crate::diff::change::{Effect, Reach};
use crate::generate::{ONBOARDING, SPEC};

/// An edit of the spec, and what is to come of it.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [Step],
    /// The worst of what `diff` is to find.
    pub(crate) effect: Effect,
    /// The kind of change that has it.
    pub(crate) kind: &'static str,
    /// The files of code that do not compile until a hand has been there.
    pub(crate) by_hand: &'static [&'static str],
    /// What the tests ask for where all the code compiles: their files that do not, else those that fail.
    pub(crate) tests: &'static [&'static str],
}

/// One change of a text: behind the first place where `behind` stands, `old` becomes `new`.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) file: &'static str,
    behind: &'static str,
    old: &'static str,
    new: &'static str,
}

impl Step {
    /// The text after the step, or the anchor that it does not have any more.
    pub(crate) fn apply(&self, text: &str) -> Result<String, String> {
        let missing =
            |what: &str| format!("{} has no {what:?} any more: mend xtask/src/drill/edits.rs", self.file);
        let behind = text.find(self.behind).ok_or_else(|| missing(self.behind))? + self.behind.len();
        let at = behind + text[behind..].find(self.old).ok_or_else(|| missing(self.old))?;
        Ok(format!("{}{}{}", &text[..at], self.new, &text[at + self.old.len()..]))
    }
}

const fn api(behind: &'static str, old: &'static str, new: &'static str) -> Step {
    Step { file: SPEC, behind, old, new }
}

const BREAKS_REQUESTS: Effect = Effect::Break(Reach::REQUEST);
const BREAKS_ANSWERS: Effect = Effect::Break(Reach::RESPONSE);
const BREAKS_BOTH: Effect = Effect::Break(Reach::BOTH);

pub(crate) const EDITS: [Edit; 10] = [
    Edit {
        name: "optional field added",
        steps: &[
            api(
                "\n    NewPatient:\n",
                "        last-name:\n",
                "        middle-name:
          allOf:
            - $ref: '#/components/schemas/PersonName'
          description: The middle name of the patient.
        last-name:\n",
            ),
            api(
                "\n    PatientAttributes:\n",
                "        last-name:\n",
                "        middle-name:
          type: string
          nullable: true
          x-phi: true
          description: The middle name of the patient.
          example: Quentin
        last-name:\n",
            ),
        ],
        effect: Effect::Addition,
        kind: "property-added",
        by_hand: &[],
        tests: &[],
    },
    Edit {
        name: "required field added",
        steps: &[
            api(
                "operationId: create_patient\n",
                "                  last-name: Reece\n",
                "                  last-name: Reece\n                  time-zone: America/New_York\n",
            ),
            api("\n    NewPatient:\n", "gender, organization-id]", "gender, organization-id, time-zone]"),
            api(
                "\n    NewPatient:\n",
                "        organization-id:\n",
                "        time-zone:
          type: string
          description: The time zone of the patient.
          example: America/New_York
        organization-id:\n",
            ),
        ],
        effect: BREAKS_REQUESTS,
        kind: "property-added",
        by_hand: &["crates/carium/src/patients.rs"],
        tests: &[],
    },
    Edit {
        name: "enum value added",
        steps: &[
            api("\n    NotificationChannel:\n", "enum: [sms, email]", "enum: [sms, email, push]"),
            Step {
                file: ONBOARDING,
                behind: "\"NotificationChannel\": {",
                old: "\"email\"\n",
                new: "\"email\",\n        \"push\"\n",
            },
        ],
        effect: Effect::Addition,
        kind: "value-added",
        by_hand: &[],
        tests: &[],
    },
    Edit {
        name: "field removed",
        steps: &[
            api("operationId: create_appointment\n", "                  location: Virtual\n", ""),
            api(
                "\n    NewAppointment:\n",
                "        location:
          type: string
          x-phi: true
          description: Where the appointment takes place, in free text.
          example: Virtual\n",
                "",
            ),
        ],
        effect: BREAKS_REQUESTS,
        kind: "property-removed",
        by_hand: &["crates/carium/src/appointments/new.rs"],
        tests: &[],
    },
    Edit {
        name: "type changed",
        steps: &[
            api(
                "\n    AppointmentAttributes:\n",
                "        add-video-channel:\n          type: boolean\n",
                "        add-video-channel:\n          type: string\n",
            ),
            api(
                "\n    AppointmentAttributes:\n",
                "          example: false\n",
                "          example: carium\n",
            ),
            api(
                "operationId: create_appointment\n",
                "                    add-video-channel: false\n",
                "                    add-video-channel: carium\n",
            ),
            api(
                "after the change.\n",
                "                    add-video-channel: false\n",
                "                    add-video-channel: carium\n",
            ),
        ],
        effect: BREAKS_ANSWERS,
        kind: "type",
        by_hand: &["crates/carium/src/appointments.rs"],
        tests: &[],
    },
    Edit {
        name: "operation added",
        steps: &[api(
            "",
            "\n  /caredb/v1/org-appointments/:\n",
            "
  /showboat/v1/patients/{id}/:
    parameters:
      - name: id
        in: path
        required: true
        description: The patient.
        schema:
          $ref: '#/components/schemas/IndividualId'
        example: aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
    get:
      operationId: get_patient
      summary: Read a patient.
      description: Reads one patient as they are on record.
      tags: [showboat]
      x-retry: safe
      x-source: inferred
      responses:
        '200':
          description: The patient.
          content:
            application/vnd.api+json:
              schema:
                $ref: '#/components/schemas/PatientDocument'
              example: *patient
        4XX:
          $ref: '#/components/responses/ClientError'
        5XX:
          $ref: '#/components/responses/ServerError'

  /caredb/v1/org-appointments/:\n",
        )],
        effect: Effect::Addition,
        kind: "operation-added",
        by_hand: &[],
        tests: &[
            "each_example_answer_of_the_spec_is_read_whole",
            "each_operation_sends_what_the_vendors_program_sends",
            "every_operation_has_a_check_and_every_check_an_operation",
        ],
    },
    Edit {
        name: "operation removed",
        steps: &[api(
            "",
            "    delete:
      operationId: delete_appointment
      summary: Delete an appointment.
      description: |-
        Deletes an appointment. One that is not there answers 404: on a repeated call that is what success
        looks like.
      tags: [caredb]
      x-retry: idempotent
      x-source: examples-page
      responses:
        2XX:
          description: Deleted. A body, where there is one, says nothing that this contract relies on.
        4XX:
          $ref: '#/components/responses/ClientError'
        5XX:
          $ref: '#/components/responses/ServerError'
",
            "",
        )],
        effect: BREAKS_BOTH,
        kind: "operation-removed",
        by_hand: &["crates/carium/src/appointments/api.rs"],
        tests: &[],
    },
    Edit {
        name: "operation renamed",
        steps: &[api("", "operationId: resend_invitation\n", "operationId: send_invitation\n")],
        effect: BREAKS_REQUESTS,
        kind: "operation-renamed",
        by_hand: &["crates/carium/src/invitations.rs"],
        tests: &[],
    },
    Edit {
        name: "PHI mark removed",
        steps: &[api(
            "\n    PractitionerAttributes:\n",
            "          x-phi: true\n",
            "          x-phi: false\n",
        )],
        effect: Effect::Safety(Reach::RESPONSE),
        kind: "mark-removed",
        by_hand: &[],
        tests: &["links_and_practitioners_are_hidden_too"],
    },
    Edit {
        name: "retry class changed",
        steps: &[api("operationId: process_upload\n", "x-retry: idempotent", "x-retry: create")],
        effect: Effect::Behaviour,
        kind: "retry-class",
        by_hand: &[],
        tests: &[
            "a_conflict_that_says_that_it_is_done_is_success",
            "documents_follow_their_classes_through_the_low_level_client",
        ],
    },
];
