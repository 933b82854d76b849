# Corrections to the program on the page:
# - The indentation, which the page does not show.
# - "login code here" is replaced by an import of `login.py`.
# - The quote that is missing in the `Authorization` header.
import requests

from login import login

patients_url = 'https://api.carium.com/showboat/v1/patients/'
patient_data = {
    "data": {
        "attributes": {
            "first-name": "James",
            "last-name": "Reece",
            "birth-date": "1980-07-04",
            "gender": "male",
            "email": "james.reece@example.com",
            "mobile-phone": "+15551234567",
            "locale": "en_US",
            "individual-group-ids": ["aa6243fb-e4c1-44a0-ae3c-f4c4ab115002", "2097e072-92f6-4333-99d6-9693d63be652"],
            "username": "james.reece@example.com",
            "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72"
        },
        "type": "ui-patients"
    }
}

def create_patient(payload: dict) -> str:
    response = requests.post(patients_url, headers=headers, json=patient_data)
    response.raise_for_status()
    return response.json()['data']['id']

if __name__ == '__main__':
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    individual_id = create_patient(patient_data)
