package money

// Maybe is an exact decimal that may be unknown. The zero value is unknown, so that nothing that was never worked out
// can pass for 0; whatever is worked out from an unknown is unknown too.
//
// A number that began as a Recorder's input carries its trail, and so does all that is worked out from it.
type Maybe struct {
	number Decimal
	trail  *Trail // nil: unknown, nothing recorded; &untraced: known, nothing recorded; else how the number came about
}

// Unknown is what it says.
var Unknown = Maybe{}

// Known is x, known.
func Known(x Decimal) Maybe { return Maybe{number: x, trail: &untraced} }

// FromPointer is unknown for nil.
func FromPointer(x *Decimal) Maybe {
	if x == nil {
		return Unknown
	}
	return Known(*x)
}

// Get gives the number and whether it is known; an unknown number is 0 and must not be used.
func (m Maybe) Get() (Decimal, bool) { return m.number, m.IsKnown() }

// IsKnown says whether the number is known.
func (m Maybe) IsKnown() bool { return m.trail != nil && m.trail.known }

// plain says whether the number is known and nothing of it recorded, as nearly all are.
func (m Maybe) plain() bool { return m.trail == &untraced }

// Or is the number, or another one where it is unknown: only for order and drawing, never for sums.
func (m Maybe) Or(other Decimal) Decimal {
	if m.IsKnown() {
		return m.number
	}
	return other
}

// Pointer is nil for unknown.
func (m Maybe) Pointer() *Decimal {
	if !m.IsKnown() {
		return nil
	}
	x := m.number
	return &x
}

// Add is m + n.
func (m Maybe) Add(n Maybe) Maybe {
	if m.plain() && n.plain() {
		return Known(m.number.Add(n.number))
	}
	return combined(opSum, m, n)
}

// Sub is m − n.
func (m Maybe) Sub(n Maybe) Maybe {
	if m.plain() && n.plain() {
		return Known(m.number.Sub(n.number))
	}
	return combined(opDifference, m, n)
}

// Mul is m · n.
func (m Maybe) Mul(n Maybe) Maybe {
	if m.plain() && n.plain() {
		return Known(m.number.Mul(n.number))
	}
	return combined(opProduct, m, n)
}

// Quo is m / n to 34 significant digits, unknown where n is 0.
func (m Maybe) Quo(n Maybe) Maybe {
	if m.plain() && n.plain() {
		if n.number.IsZero() {
			return Unknown
		}
		return Known(m.number.Quo(n.number))
	}
	return combined(opQuotient, m, n)
}

// Neg is −m.
func (m Maybe) Neg() Maybe {
	if m.plain() {
		return Known(m.number.Neg())
	}
	return combined(opNegation, m, Known(Zero))
}

// Reduced is m without trailing zeros after the point.
func (m Maybe) Reduced() Maybe {
	m.number = m.number.Reduced()
	return m
}

// Times is m · x.
func (m Maybe) Times(x Decimal) Maybe { return m.Mul(Known(x)) }

// Share is m · part / whole to 34 digits, rounded once; m itself where part is the whole. whole must not be 0.
func (m Maybe) Share(part, whole Decimal) Maybe {
	switch {
	case !m.IsKnown() || m.number.IsZero() || part.Equal(whole):
		return m
	case m.plain():
		return Known(m.number.Mul(part).Quo(whole))
	}
	return m.share(part, whole)
}

// MarshalJSON writes a JSON string, null for unknown.
func (m Maybe) MarshalJSON() ([]byte, error) {
	if !m.IsKnown() {
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
	if !m.IsKnown() {
		return "unknown"
	}
	return m.number.String()
}
