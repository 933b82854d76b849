# Corrections to the program on the page:
# - The indentation, which the page does not show.
# - "login code here" is replaced by an import of `login.py`.
import requests

from login import login

appointments_url = 'https://api.carium.com/caredb/v1/org-appointments/'
appointment_id = 'aa6243fb-e4c1-44a0-ae3c-f4c4ab115002'

def get_appointment(appointment_id: str) -> dict:
    response = requests.get(f"{appointments_url}/{appointment_id}/", headers=headers)
    response.raise_for_status()
    return response.json()

if __name__ == '__main__':
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    appointment = get_appointment(appointment_id)
