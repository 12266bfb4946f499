package audit

// Mail is what somebody is told by mail because of a change. It is written in the change's transaction, sealed under its owner's key,
// and sent afterwards: no change, no mail, and no mail lost.
type Mail struct {
	Kind    MailKind
	Address string // where it goes
	Name    string // of whom it greets; may be empty
	Path    string // of the link in it, with its secret, such as /recover/…; empty: none
	What    string // what it is about, such as a device or the name of an API token; may be empty
}

// MailKind says what a mail tells; package notify has the words.
type MailKind string

// The kinds of mail. The first three carry a link that does something; the others only tell.
const (
	MailInvitation   MailKind = "invitation"
	MailConfirmEmail MailKind = "confirm_email" // to the new address
	MailRecovery     MailKind = "recovery"

	MailTest MailKind = "test" // asked for by an operator

	MailEmailAsked      MailKind = "email_asked" // to the old address
	MailEmailChanged    MailKind = "email_changed"
	MailPasswordChanged MailKind = "password_changed"
	MailRecovered       MailKind = "recovered"
	MailFactorAdded     MailKind = "factor_added"
	MailFactorRemoved   MailKind = "factor_removed"
	MailTokenCreated    MailKind = "token_created"
	MailNewDevice       MailKind = "new_device"
	MailCodesRefused    MailKind = "codes_refused"
)

// MailKinds is every kind of mail.
func MailKinds() []MailKind {
	return []MailKind{
		MailInvitation, MailConfirmEmail, MailRecovery, MailTest, MailEmailAsked, MailEmailChanged, MailPasswordChanged, MailRecovered,
		MailFactorAdded, MailFactorRemoved, MailTokenCreated, MailNewDevice, MailCodesRefused,
	}
}
