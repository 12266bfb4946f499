package audit

// Incident is something that happened to somebody and that they may have asked to be told of; package alert has the rules. It is noted
// in the transaction in which it happens.
type Incident string

// The incidents.
const (
	IncidentNewBrowser    Incident = "new_browser"    // a sign-in from a browser that wasn't seen before
	IncidentCodesRefused  Incident = "codes_refused"  // several second factors in a row
	IncidentImportRefused Incident = "import_refused" // and nothing of it was stored
)
