# Corrections to the program on the page:
# - The indentation, which the page does not show.
# - "login code here" is replaced by an import of `login.py`.
# - The URL constant ended with `{id}/`, although the ID is appended below (and `id` is a Python built-in).
import requests

from login import login

appointment_id = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"
appointments_url = f"https://api.carium.com/caredb/v1/org-appointments/"

def delete_appointment(appointment_id: str) -> None:
    response = requests.delete(f"{appointments_url}/{appointment_id}/", headers=headers)
    response.raise_for_status()

if __name__ == '__main__':
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    delete_appointment(appointment_id)
