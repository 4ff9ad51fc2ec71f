"""`report`: a build or a plan as one HTML page that needs nothing but itself."""
