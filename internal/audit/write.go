package audit

// Write travels with every change, into the same transaction.
type Write struct {
	Audit       Entry
	Idempotency *Idempotency // nil where the request can't be repeated
	Mail        []Mail       // that goes out because of it, sealed under the key of the audit row's owner
	Incident    Incident     // that it is to the audit row's owner; empty: none
}

// Idempotency is what a repeated request gets: the answer of the first. The store seals Answer and keeps the key hashed.
type Idempotency struct {
	Key      string
	BodyHash [32]byte // of what was asked; the same key with another body is refused
	Status   int      // of HTTP
	Answer   []byte   // the body as it was sent
}

// Stored is the answer that was given to a request with this key.
type Stored struct {
	BodyHash [32]byte
	Status   int
	Answer   []byte
}
