# Corrections to the program on the page:
# - The indentation, which the page does not show.
# - "login code here" is replaced by an import of `login.py`.
import requests

from login import login

org_documents_url = "https://api.carium.com/caredb/v1/org-document-references/"

individual_id = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002" # This is the patient we wish to retrieve documents for
organization_id = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72"

def list_documents(individual_id: str, organization_id: str) -> dict:
    params = {"filter[individual-id]": individual_id, "organization-id": organization_id}
    response = requests.get(org_documents_url, headers=headers, params=params)
    response.raise_for_status()
    return response.json()

if __name__ == "__main__":
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    documents = list_documents(individual_id, organization_id)
    print(documents)
