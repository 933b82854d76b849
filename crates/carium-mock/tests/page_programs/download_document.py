# The page has no program for downloads. It says only that a GET of this path "will return another URL which will
# allow you to download the document with a simple GET request to that URL". This program downloads the first document
# of the list.
import sys

import requests

import list_documents
from login import login

if __name__ == "__main__":
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    list_documents.headers = headers
    documents = list_documents.list_documents(list_documents.individual_id, list_documents.organization_id)
    doc_id = documents["data"][0]["id"]
    response = requests.get(f"{list_documents.org_documents_url}{doc_id}/get-download-info/", headers=headers)
    response.raise_for_status()
    response = requests.get(response.json()["data"]["attributes"]["download-url"])
    response.raise_for_status()
    sys.stdout.buffer.write(response.content)
