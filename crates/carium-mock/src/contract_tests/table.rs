//! The table of promises: each has a name, under which it is a function here and a test elsewhere, and a sentence,
//! which is its documentation and what a failure quotes. A check that is not in the table is dead code, of which the
//! compiler complains.

/// Gives the rows of a group to a macro: `$then! { $with… $group, $subject, [name: "promise", …] }`.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_table {
    (patients, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* patients, PatientsFixture, [
            each_patient_has_an_id_of_their_own: "Whoever is created has an id that nobody else has.",
            a_username_is_one_persons: "A username is one person's: who would have another's is refused, and the username is named.",
            the_username_is_the_address_where_none_is_given: "Where no username is given, it is the e-mail address.",
            the_username_is_the_phone_where_there_is_no_address: "Where there is no e-mail address, the username is the phone.",
            a_phone_can_be_chosen_as_the_username: "Who has an e-mail address and a phone may choose the phone as their username.",
            phones_may_be_shared: "A phone that is not a username may be that of several patients.",
            an_organization_must_be_there: "A patient of an organization that is not there is refused, and the organization is named.",
            groups_must_be_there: "A patient of a group that is not there is refused, whatever other groups there are, and the groups are named.",
            groups_that_are_there_are_taken: "A patient may belong to no group, to one and to several.",
            who_is_refused_is_not_created: "Who is refused has not been created: mended, the same patient is taken.",
            every_gender_and_locale_is_taken: "Every gender and every locale of the vendor's page is taken.",
            birth_dates_of_the_past_are_taken: "Any day of the past is a birth date, a leap day too.",
            of_many_at_once_with_one_username_one_is_created: "Of many patients who are created at once with the same username, one is.",
            many_at_once_have_ids_of_their_own: "Of many patients who are created at once, each has an id of their own.",
        ] }
    };
    (invitations, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* invitations, InvitationsFixture, [
            who_is_known_is_invited_by_email: "Who is known is invited by e-mail, and by that alone.",
            who_is_known_is_invited_by_sms: "Who is known is invited by SMS, and by that alone.",
            who_is_known_is_invited_in_both_ways: "Who is known is invited by e-mail and SMS in one call.",
            each_call_sends_an_invitation: "Each call sends an invitation, later ones as well as the first.",
            who_is_not_known_is_not_invited: "A username that nobody has is refused.",
        ] }
    };
    (appointments, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* appointments, AppointmentsFixture, [
            each_appointment_has_an_id_of_its_own: "Whatever is booked has an id that nothing else has.",
            what_was_booked_is_read: "An appointment is read as it was booked: with all its fields, and without those that were left out.",
            urls_are_kept_without_a_channel: "Without a video channel of the platform, neither URL, one or both are kept.",
            a_channel_is_attached: "An appointment has a video channel of the platform where it was booked with one, and not otherwise.",
            any_time_can_be_booked: "An appointment may be in the past or far ahead, and may cross midnight; a time with an offset is that instant.",
            an_organization_must_be_there: "An appointment in an organization that is not there is refused, and the organization is named.",
            a_patient_must_be_there: "An appointment of a patient who is not there is refused, and the patient is named.",
            a_practitioner_must_be_there: "An appointment with a practitioner who is not there is refused, and the practitioner is named.",
            a_status_must_be_there: "An appointment with a status that is not there is refused, and the status is named.",
            a_type_must_be_there: "An appointment of a type that is not there is refused, and the type is named.",
            an_update_changes_only_what_it_gives: "An update changes what it gives and nothing else, and answers the appointment as it is then.",
            an_update_clears_what_it_clears: "An update that clears a field clears that field and nothing else.",
            an_update_is_lasting: "What an update changed is read afterwards.",
            an_update_changes_several_fields: "An update changes, clears and sets several fields at once.",
            an_update_of_nothing_is_refused: "An update that changes nothing is refused before it is sent.",
            an_update_gives_no_urls_with_a_channel: "An update that attaches a video channel and gives a URL is refused before it is sent.",
            an_update_refers_to_what_is_there: "An update to a practitioner, status or type that is not there is refused, the field is named, and nothing is changed.",
            what_is_not_there_is_not_found: "An appointment that was never booked cannot be read, changed or deleted.",
            what_is_deleted_is_not_found: "An appointment that was deleted cannot be read, changed or deleted again; others stay.",
            many_at_once_are_told_apart: "Of many appointments that are booked at once, each is read as it was booked.",
            practitioners_are_listed_whole: "The list of practitioners is whole, has nobody twice, and is the same for every size of page.",
            statuses_are_listed_whole: "The list of statuses is whole, has nothing twice, and is the same for every size of page.",
            types_are_listed_whole: "The list of types is whole, has nothing twice, and is the same for every size of page.",
            a_list_begins_where_it_is_told_to: "A list begins at the page that it is told to begin at, and ends when nobody asks further.",
        ] }
    };
    (documents, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* documents, DocumentsFixture, [
            each_reference_has_an_id_and_a_form: "Each reference that is created has an id of its own, and a form to upload its file with.",
            an_organization_must_be_there: "A document in an organization that is not there is refused, and the organization is named.",
            a_patient_must_be_there: "A document of a patient who is not there is refused, and the patient is named.",
            a_class_must_be_there: "A document of a class that is not there is refused, and the class is named.",
            what_has_no_file_is_not_processed: "A document whose file was not uploaded cannot be processed.",
            what_has_no_file_is_not_opened: "A document whose file was not uploaded cannot be opened.",
            what_is_not_processed_is_not_opened: "A document that was not processed cannot be opened, though its file be there.",
            processing_again_changes_nothing: "Processing again what is processed changes nothing, and is no failure.",
            what_is_not_there_is_not_found: "A document that was never created is neither processed nor opened.",
            what_was_filed_is_listed: "A document that is filed is in the list, as it was announced.",
            patients_have_their_own_lists: "The list of a patient has the documents of that patient, and nobody else's.",
            classes_have_their_own_lists: "The list of a class has the documents of that class and no other; with a patient, those that are both.",
            organizations_have_their_own_lists: "The list of an organization has the documents of that organization, and no other's.",
            further_filters_are_gone_by: "A further filter leaves out what does not pass it.",
            documents_are_listed_whole: "The list of documents is whole, has nothing twice, and is the same for every size of page.",
            a_list_that_is_refused_ends_with_its_error: "A list that is refused has the error and nothing else.",
            a_filter_with_a_method_of_its_own_is_refused: "A further filter that has a method of its own is refused before anything is sent.",
            classes_are_listed_whole: "The list of classes is whole, has nothing twice, and is the same for every size of page.",
        ] }
    };
    (transfers, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* transfers, DocumentsFixture, [
            what_goes_up_comes_down: "What was uploaded and processed is downloaded byte for byte: nothing, one byte, every byte, and what looks like the end of a form.",
            a_file_in_blocks_comes_down_whole: "A file that is sent in blocks, and is longer than one, comes down whole.",
            a_file_may_have_any_name: "A file may have a name in any letters, and arrives under it.",
            each_document_has_its_own_file: "Each document has its own file: those that are uploaded at once are not confused.",
            posting_again_changes_nothing: "Posting the same file again with a form that is valid changes nothing.",
            a_form_that_was_changed_is_refused: "A form of which any field was changed or left out is refused, and leaves nothing.",
            a_source_that_fails_leaves_nothing: "Where the source of a file fails, nothing was uploaded, and the error says that it is the source.",
            a_file_of_another_length_leaves_nothing: "A file that is shorter or longer than was said was not uploaded, and the error says that it is the source.",
            a_url_that_was_changed_leads_nowhere: "A URL that was changed leads to no file.",
            a_range_has_exactly_its_bytes: "A range has exactly the bytes that it names; one to beyond the end, those up to the end.",
            a_range_of_nothing_is_refused: "A range with nothing in it is refused, and nothing is sent.",
            a_range_past_the_end_is_refused: "A range that begins past the end is refused.",
            a_range_of_another_version_is_the_whole: "A range of this version is that range; one of another version, the whole file.",
        ] }
    };
    (together, $then:path $(, $with:tt)* $(,)?) => {
        $then! { $($with,)* together, FullFixture, [
            who_was_created_can_be_invited: "Who was created can be invited, by their username.",
            nobody_is_invited_without_an_address: "Who has no phone is not invited by SMS, and who has no e-mail address not by e-mail.",
            who_was_created_can_have_appointments: "Who was created can have appointments.",
            who_was_created_can_have_documents: "Who was created can have documents.",
        ] }
    };
    ($other:ident, $($rest:tt)*) => {
        ::core::compile_error! { ::core::concat!(
            "there is no group of checks `", ::core::stringify!($other), "`: there are `patients`, `invitations`, ",
            "`appointments`, `documents`, `transfers` and `together`"
        ) }
    };
}
