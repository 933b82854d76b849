# Corrections to the program on the page:
# - The indentation, which the page does not show.
# - "login code here" is replaced by an import of `login.py`.
import requests

from login import login

org_documents_url = 'https://api.carium.com/caredb/v1/org-document-references/'

document_data = {
    "data": {
        "attributes": {
            "attachment-content-type": "application/pdf",
            "attachment-filename": "example.pdf",
            "class-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
            "name": "Example Document",
            "description": "This is an example document",
            "individual-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002", # This is the patient's individual-id
            "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72"
        },
        "type": "org-document-references"
    }
}

def create_document(payload: dict) -> tuple:
    response = requests.post(org_documents_url, headers=headers, json=document_data)
    response.raise_for_status()
    doc_id = response.json()["data"]["id"]
    upload_url = response.json()["data"]["attributes"]["upload-info"]["upload-url"]
    upload_data = response.json()["data"]["attributes"]["upload-info"]["upload-data"]
    return (doc_id, upload_url, upload_data)

def upload_document(doc_id: str, upload_url: str, upload_data: dict, file_name: str, file_path: str) -> None:
    with open(file_path, "rb") as file_obj:
        # Note: This post does not require the use of the authorization header
        response = requests.post(upload_url, data=upload_data, files={'file': (file_name, file_obj)})
        response.raise_for_status()
    process_upload_url = f"{org_documents_url}{doc_id}/process-upload/"
    response = requests.post(process_upload_url, headers=headers)
    response.raise_for_status()
    return

if __name__ == "__main__":
    access_token = login("username", "password")
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    doc_id, upload_url, upload_data = create_document(document_data)
    upload_document(doc_id, upload_url, upload_data, 'example.pdf', '/path/to/example.pdf')
