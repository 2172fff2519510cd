"""Registration's pages for people: the front door, the programme, the public form. They end in the API's use cases."""
