"""The lab: name the breed of a pet, and grade the answers without fear."""
