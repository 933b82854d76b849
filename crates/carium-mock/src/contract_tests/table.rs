//! The table of all test cases. Each row has the name of a test case and a sentence that states the requirement. The
//! name becomes a public function in [`cases`](super::cases) and a test in `contract_tests!`. The sentence becomes
//! their documentation and is part of a [`ContractViolation`](super::ContractViolation). A test case without a row is
//! unused code, which the compiler reports.

/// Passes the rows of a group to a macro: `$then! { $($with,)* $group, $fixture, [name: "requirement", …] }`.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_table {
    (organizations, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* organizations, OrganizationsFixture, [
            lists_all_organizations: "The list of organizations is complete, has no duplicates, and is the same for every page size.",
            lists_all_groups: "The list of an organization's groups is complete, has no duplicates, and is the same for every page size.",
            filters_groups_by_organization: "The list of an organization's groups has all groups of that organization and no others.",
            lists_start_at_requested_page: "A list starts at the requested page, and a caller can stop reading it before its end.",
        ] }
    };
    (patients, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* patients, PatientsFixture, [
            patient_ids_are_unique: "Each created patient has a unique ID.",
            username_is_unique: "A username belongs to one patient. Creating a second patient with it is rejected, and the error names `username`.",
            username_defaults_to_email: "If no username is given, it defaults to the email address.",
            username_defaults_to_phone_without_email: "If neither a username nor an email address is given, the username defaults to the phone.",
            phone_can_be_username: "A patient with an email address and a phone can use the phone as the username.",
            phone_can_be_shared: "Several patients can have the same phone if it is not a username.",
            rejects_unknown_organization: "Creating a patient in an unknown organization is rejected, and the error names `organization-id`.",
            rejects_unknown_groups: "Creating a patient in an unknown group is rejected even if other groups in the list exist, and the error names `individual-group-ids`.",
            accepts_known_groups: "A patient can belong to no group, to one group and to several groups.",
            rejected_patient_is_not_created: "A rejected patient is not created: after the input is corrected, the same patient is accepted.",
            accepts_every_gender_and_locale: "Every gender and locale on the vendor's Examples page is accepted.",
            accepts_past_birth_dates: "Any date in the past is accepted as a birth date, including leap days.",
            concurrent_creates_with_one_username_create_one_patient: "Of several concurrent calls that create a patient with the same username, exactly one succeeds.",
            concurrent_creates_return_unique_ids: "Concurrent calls that create patients return unique IDs.",
        ] }
    };
    (invitations, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* invitations, InvitationsFixture, [
            invites_known_user_by_email: "A known user is invited by email, and by email only.",
            invites_known_user_by_sms: "A known user is invited by SMS, and by SMS only.",
            invites_known_user_by_both_channels: "A known user is invited by email and SMS with one call.",
            each_call_sends_an_invitation: "Each call sends an invitation, even if the user was invited before.",
            rejects_unknown_username: "An invitation to an unknown username is rejected.",
        ] }
    };
    (appointments, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* appointments, AppointmentsFixture, [
            appointment_ids_are_unique: "Each created appointment has a unique ID.",
            returns_appointment_as_created: "An appointment is returned as it was created: with every field that was set, and without the fields that were omitted.",
            keeps_urls_without_video_channel: "Without a video channel of the platform, an appointment keeps its guest URL, its host URL, or both.",
            attaches_video_channel_only_if_requested: "An appointment has a video channel of the platform if it was created with one, and not otherwise.",
            accepts_any_time_range: "An appointment can be in the past or far in the future, and can span midnight. A time with a UTC offset is kept as that instant.",
            rejects_unknown_organization: "Creating an appointment in an unknown organization is rejected, and the error names `organization-id`.",
            rejects_unknown_patient: "Creating an appointment for an unknown patient is rejected, and the error names `individual-id`.",
            rejects_unknown_practitioner: "Creating an appointment with an unknown practitioner is rejected, and the error names `practitioner-id`.",
            rejects_unknown_status: "Creating an appointment with an unknown status is rejected, and the error names `status-id`.",
            rejects_unknown_type: "Creating an appointment of an unknown type is rejected, and the error names `type-id`.",
            update_changes_only_given_fields: "An update changes the fields that it sets and no others, and returns the updated appointment.",
            update_clears_only_given_fields: "An update clears the fields that it clears and changes no others.",
            update_is_persisted: "A read after an update returns the updated values.",
            update_sets_and_clears_several_fields: "One update can set several fields and clear others.",
            rejects_empty_update: "An update without changes is rejected before it is sent.",
            rejects_update_with_video_channel_and_url: "An update that attaches a video channel and sets a URL is rejected before it is sent.",
            rejects_update_with_unknown_reference: "An update to an unknown practitioner, status or type is rejected, the error names the field, and nothing is changed.",
            unknown_appointment_is_not_found: "Reading, updating or deleting an appointment that never existed fails with `NotFound`.",
            deleted_appointment_is_not_found: "Reading, updating or deleting a deleted appointment fails with `NotFound`; other appointments remain.",
            concurrent_creates_keep_their_fields: "Each of several appointments that are created concurrently is returned as it was created.",
            lists_all_practitioners: "The list of practitioners is complete, has no duplicates, and is the same for every page size.",
            lists_all_statuses: "The list of statuses is complete, has no duplicates, and is the same for every page size.",
            lists_all_types: "The list of types is complete, has no duplicates, and is the same for every page size.",
            lists_start_at_requested_page: "A list starts at the requested page, and a caller can stop reading it before its end.",
        ] }
    };
    (documents, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* documents, DocumentsFixture, [
            reference_has_unique_id_and_upload_form: "Each created document reference has a unique ID and a form to upload the file with.",
            rejects_unknown_organization: "Creating a document in an unknown organization is rejected, and the error names `organization-id`.",
            rejects_unknown_patient: "Creating a document for an unknown patient is rejected, and the error names `individual-id`.",
            rejects_unknown_class: "Creating a document of an unknown class is rejected, and the error names `class-id`.",
            rejects_processing_without_file: "Processing a document before its file is uploaded is rejected.",
            rejects_download_without_file: "A document whose file was not uploaded cannot be downloaded.",
            rejects_download_before_processing: "A document that was not processed cannot be downloaded, even if its file was uploaded.",
            processing_is_idempotent: "Processing a document that is already processed succeeds and changes nothing.",
            unknown_document_is_not_found: "Processing or downloading a document that never existed fails with `NotFound`.",
            lists_stored_document_as_created: "A processed document is listed with the fields that it was created with.",
            filters_documents_by_patient: "The list of a patient has all documents of that patient and no others.",
            filters_documents_by_class: "The list of a class has all documents of that class and no others. With a patient as well, both filters apply.",
            filters_documents_by_organization: "The list of an organization has all documents of that organization and no others.",
            applies_extra_filters: "An extra filter removes the documents that do not match it.",
            lists_all_documents: "The list of documents is complete, has no duplicates, and is the same for every page size.",
            rejected_list_yields_only_an_error: "A list that the service rejects yields the error and nothing else.",
            rejects_reserved_filter_names: "An extra filter whose name is reserved or invalid is rejected before anything is sent.",
            lists_all_classes: "The list of classes is complete, has no duplicates, and is the same for every page size.",
        ] }
    };
    (transfers, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* transfers, DocumentsFixture, [
            downloads_uploaded_bytes: "An uploaded and processed file is downloaded byte for byte: an empty file, one byte, every byte value, and content that looks like the end of a form.",
            streams_large_files_in_chunks: "A large file that is uploaded in chunks is downloaded as a whole.",
            accepts_any_file_name: "A file name can have characters of any script, and the document is listed under it.",
            concurrent_uploads_keep_their_files: "Each document has its own file, also if several are uploaded concurrently.",
            repeated_post_changes_nothing: "Posting the same file a second time with a valid form changes nothing.",
            rejects_modified_form: "A form with a changed or missing field is rejected, and nothing is stored.",
            failing_source_stores_nothing: "If the source of a file fails, nothing is stored, and the error has the kind `Io`.",
            wrong_length_stores_nothing: "If a file is shorter or longer than its declared length, nothing is stored, and the error has the kind `Io`.",
            rejects_modified_url: "A modified URL does not return a file.",
            range_returns_exact_bytes: "A range returns exactly the requested bytes. A range that extends past the end returns the bytes up to the end.",
            rejects_empty_range: "An empty range is rejected before anything is sent.",
            rejects_range_past_end: "A range that starts past the end is rejected.",
            range_of_other_version_returns_whole_file: "A range of the current version returns that range; a range of another version returns the whole file.",
        ] }
    };
    (cross_service, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* cross_service, FullFixture, [
            created_patient_can_be_invited: "A created patient can be invited by their username.",
            rejects_invitation_without_contact: "A patient without a phone cannot be invited by SMS, and a patient without an email address cannot be invited by email.",
            created_patient_can_have_appointments: "A created patient can have appointments.",
            created_patient_can_have_documents: "A created patient can have documents.",
        ] }
    };
    ($other:ident, $($rest:tt)*) => {
        ::core::compile_error! { ::core::concat!(
            "unknown group of contract tests `", ::core::stringify!($other), "`: expected `organizations`, `patients`, ",
            "`invitations`, `appointments`, `documents`, `transfers` or `cross_service`"
        ) }
    };
}
