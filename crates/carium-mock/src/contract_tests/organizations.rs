//! Test cases for [`Organizations`](carium::Organizations).

use super::assertions::{CaseResult, check_complete, check_start_and_early_stop, ensure, read_all};
use super::fixture::OrganizationsFixture;

pub(super) async fn lists_all_organizations(fixture: &dyn OrganizationsFixture) -> CaseResult {
    let (organizations, known) = (fixture.organizations(), [fixture.organization()]);
    check_complete("the organizations", |options| organizations.list(options), |item| item.id, &known).await
}

pub(super) async fn lists_all_groups(fixture: &dyn OrganizationsFixture) -> CaseResult {
    let (organizations, known) = (fixture.organizations(), fixture.two_groups());
    let organization = Some(fixture.organization());
    let groups = |options| organizations.groups(organization, options);
    check_complete("the groups", groups, |item| item.id, &known).await
}

pub(super) async fn filters_groups_by_organization(fixture: &dyn OrganizationsFixture) -> CaseResult {
    let Some((other, group)) = fixture.group_of_other_organization() else { return Ok(()) };
    let organizations = fixture.organizations();
    let all = carium::ListOptions::default;
    for (organization, is_listed) in [(fixture.organization(), false), (other, true)] {
        let list = organizations.groups(Some(organization), all());
        let groups = read_all("the groups of an organization", list).await?;
        let expected = if is_listed { "its group" } else { "no group of another organization" };
        let actual = format!("{} groups", groups.len());
        let is_found = groups.iter().any(|item| item.id == group);
        ensure(is_found == is_listed, "the groups of an organization", expected, actual)?;
    }
    Ok(())
}

pub(super) async fn lists_start_at_requested_page(fixture: &dyn OrganizationsFixture) -> CaseResult {
    let organizations = fixture.organizations();
    // Creates the data of the fixture before the lists are read.
    let _ = fixture.two_groups();
    check_start_and_early_stop("the organizations", |options| organizations.list(options), |item| item.id)
        .await?;
    check_start_and_early_stop("the groups", |options| organizations.groups(None, options), |item| item.id)
        .await
}
