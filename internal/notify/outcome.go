package notify

// Told says to a channel's owner how a message by it ended, and what they can do; empty before the first try.
func (o Outcome) Told(kind ChannelKind) string {
	switch o {
	case "":
		return ""
	case OutcomeSent:
		return "Sent."
	case OutcomeBusy:
		return "The other side asks to come back later."
	case OutcomeRefused:
		if kind == ChannelEmail {
			return "The mail server refuses the address, or the address isn't confirmed."
		}
		return "The other side refuses the message: check the channel's address."
	case OutcomeForbidden:
		return "The address leads where no message may go."
	case OutcomeGone:
		return "The other side says that this channel is there no more; it was switched off."
	case OutcomeDropped:
		return "The channel was off or had been removed."
	case OutcomeOff:
		return "This server sends no mail."
	case OutcomeSignIn, OutcomeUnprotected:
		return "This server's mail needs its operator."
	}
	return "Nobody answers there."
}
