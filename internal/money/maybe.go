package money

// Maybe is an exact decimal that may be unknown. The zero value is unknown, so that nothing that was never worked out
// can pass for 0; whatever is worked out from an unknown is unknown too.
type Maybe struct {
	number Decimal
	known  bool
}

// Unknown is what it says.
var Unknown = Maybe{}

// Known is x, known.
func Known(x Decimal) Maybe { return Maybe{number: x, known: true} }

// FromPointer is unknown for nil.
func FromPointer(x *Decimal) Maybe {
	if x == nil {
		return Unknown
	}
	return Known(*x)
}

// Get gives the number and whether it is known; an unknown number is 0 and must not be used.
func (m Maybe) Get() (Decimal, bool) { return m.number, m.known }

// IsKnown says whether the number is known.
func (m Maybe) IsKnown() bool { return m.known }

// Or is the number, or another one where it is unknown: only for order and drawing, never for sums.
func (m Maybe) Or(other Decimal) Decimal {
	if m.known {
		return m.number
	}
	return other
}

// Pointer is nil for unknown.
func (m Maybe) Pointer() *Decimal {
	if !m.known {
		return nil
	}
	x := m.number
	return &x
}

// Add is m + n.
func (m Maybe) Add(n Maybe) Maybe {
	if !m.known || !n.known {
		return Unknown
	}
	return Known(m.number.Add(n.number))
}

// Sub is m − n.
func (m Maybe) Sub(n Maybe) Maybe {
	if !m.known || !n.known {
		return Unknown
	}
	return Known(m.number.Sub(n.number))
}

// Mul is m · n.
func (m Maybe) Mul(n Maybe) Maybe {
	if !m.known || !n.known {
		return Unknown
	}
	return Known(m.number.Mul(n.number))
}

// Quo is m / n to 34 significant digits, unknown where n is 0.
func (m Maybe) Quo(n Maybe) Maybe {
	if !m.known || !n.known || n.number.IsZero() {
		return Unknown
	}
	return Known(m.number.Quo(n.number))
}

// Neg is −m.
func (m Maybe) Neg() Maybe {
	if !m.known {
		return Unknown
	}
	return Known(m.number.Neg())
}

// Times is m · x.
func (m Maybe) Times(x Decimal) Maybe { return m.Mul(Known(x)) }

// MarshalJSON writes a JSON string, null for unknown.
func (m Maybe) MarshalJSON() ([]byte, error) {
	if !m.known {
		return []byte("null"), nil
	}
	return m.number.MarshalJSON()
}

// UnmarshalJSON reads a JSON string or null.
func (m *Maybe) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*m = Unknown
		return nil
	}
	var x Decimal
	if err := x.UnmarshalJSON(data); err != nil {
		return err
	}
	*m = Known(x)
	return nil
}

// String is the number, "unknown" where it is not known.
func (m Maybe) String() string {
	if !m.known {
		return "unknown"
	}
	return m.number.String()
}
