package access

import "folioscope/internal/identity"

// bearer is who comes with a public link, whoever they are otherwise.
const bearer identity.Role = "link"

// MayByLink decides for whoever comes with a public link that shows so much.
func MayByLink(level Level, action Action) Decision {
	c, known := house().of[action]
	if !known {
		return Decision{}
	}
	return c.decide(question{role: bearer, level: level})
}
