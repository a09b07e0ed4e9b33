"""How well known names are: tables of page views, in files and from the service that counts them."""
