# Corrections to the program on the page:
# - The indentation, which the page does not show.
# - "login code here" is replaced by an import of `login.py`.
# - The URL constant ended with `{id}/`, although the ID is appended below (and `id` is a Python built-in).
import requests

from login import login

appointment_id = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"
appointments_url = f"https://api.carium.com/caredb/v1/org-appointments/"
appointment_data = {
    "data": {
        "attributes": {
            "start-time": "2022-01-01T10:00:00Z",
            "end-time": "2022-01-01T10:30:00Z"
        },
        "type": "org-appointments"
    }
}

def update_appointment(appointment_id: str, payload: dict) -> dict:
    response = requests.patch(f"{appointments_url}/{appointment_id}/", headers=headers, json=appointment_data)
    response.raise_for_status()
    return response.json()

if __name__ == '__main__':
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    updated_appointment = update_appointment(appointment_id, appointment_data)
