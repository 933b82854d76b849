# Corrections to the program on the page:
# - The indentation, which the page does not show.
# - "login code here" is replaced by an import of `login.py`.
import requests

from login import login

appointments_url = 'https://api.carium.com/caredb/v1/org-appointments/'
appointment_data = {
    "data": {
        "attributes": {
            "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
            "individual-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
            "practitioner-id": "2097e072-92f6-4333-99d6-9693d63be652",
            "start-time": "2022-01-01T09:00:00Z",
            "end-time": "2022-01-01T09:30:00Z",
            "status-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
            "type-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
            "add-video-channel": False,
            "guest-url": "https://example.com/guest",
            "host-url": "https://example.com/host",
            "description": "This is a test appointment",
            "patient-instruction": "Please reschedule at https://example.com/reschedule",
            "location": "Virtual"
        },
        "type": "org-appointments"
    }
}

def create_appointment(payload: dict) -> str:
    response = requests.post(appointments_url, headers=headers, json=appointment_data)
    response.raise_for_status()
    return response.json()['data']['id']

if __name__ == '__main__':
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    appointment_id = create_appointment(appointment_data)
