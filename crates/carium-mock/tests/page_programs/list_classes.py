# Corrections to the program on the page:
# - The indentation, which the page does not show.
# - "login code here" is replaced by an import of `login.py`.
# - The last line, which called a function of another program.
import requests

from login import login

org_document_class_url = 'https://api.carium.com/caredb/v1/org-document-classes/'
organization_id = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72"


def list_classes() -> dict:
    params = {"organization-id": organization_id}
    response = requests.get(f"{org_document_class_url}/", headers=headers, params=params)
    response.raise_for_status()
    return response.json()

if __name__ == '__main__':
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    classes = list_classes()
