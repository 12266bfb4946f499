package audit

// Mail is what somebody is told by mail because of a change. It is written in the change's transaction, sealed under its owner's key,
// and sent afterwards: no change, no mail, and no mail lost.
type Mail struct {
	Kind    MailKind
	Address string // where it goes
	Name    string // of whom it greets; may be empty
	Path    string // of the link in it, with its secret, such as /invite/…; empty: none
	What    string // what it is about, such as the name of an API token; may be empty
}

// MailKind says what a mail tells; package notify has the words.
type MailKind string

// The kinds of mail. The first carry a link that does something; the others only tell.
const (
	MailInvitation       MailKind = "invitation"
	MailRecovery         MailKind = "recovery"
	MailConfirmEmail     MailKind = "confirm_email"
	MailConfirmChannel   MailKind = "confirm_channel"
	MailTest             MailKind = "test" // asked for by an operator
	MailPasswordChanged  MailKind = "password_changed"
	MailPasswordBreached MailKind = "password_breached"
	MailRecovered        MailKind = "recovered"
	MailEmailChanged     MailKind = "email_changed" // to the address before
	MailSignInLinked     MailKind = "sign_in_linked"
	MailNewDevice        MailKind = "new_device"
	MailCodesRefused     MailKind = "codes_refused" // several in a row
	MailFactorAdded      MailKind = "factor_added"
	MailFactorRemoved    MailKind = "factor_removed"
	MailTokenCreated     MailKind = "token_created"
)
