package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// record is what a sealed column holds: fields, each a tag, a length and that many bytes. What has its zero value is left out.
// Tags keep their meaning for good; a field that this release doesn't know makes the whole record unreadable, since dropping
// it in a rewrite would lose data.
type record []byte

// tag names a field of one kind of record.
type tag byte

var (
	errUnknownField = errors.New("a field of a later release")
	errRecord       = errors.New("a damaged record")
)

func (r *record) bytes(t tag, value []byte) {
	*r = append(*r, byte(t))
	*r = binary.AppendUvarint(*r, uint64(len(value)))
	*r = append(*r, value...)
}

func (r *record) text(t tag, value string) {
	if value == "" {
		return
	}
	*r = append(*r, byte(t))
	*r = binary.AppendUvarint(*r, uint64(len(value)))
	*r = append(*r, value...)
}

func (r *record) flag(t tag, value bool) {
	if value {
		*r = append(*r, byte(t), 0)
	}
}

func (r *record) date(t tag, value market.Date) {
	var number [binary.MaxVarintLen64]byte
	r.bytes(t, number[:binary.PutVarint(number[:], int64(value))])
}

// number keeps a whole number; 0 is left out.
func (r *record) number(t tag, value int64) {
	if value != 0 {
		var room [binary.MaxVarintLen64]byte
		r.bytes(t, room[:binary.PutVarint(room[:], value)])
	}
}

// decimal keeps a number as it is written, its trailing zeros too; nil is left out, zero isn't.
func (r *record) decimal(t tag, value *money.Decimal) {
	if value == nil {
		return
	}
	var room [64]byte
	text, _ := value.AppendText(room[:0]) // has no error to give
	r.bytes(t, text)
}

// fields reads a record.
func fields(data []byte, see func(t tag, value []byte) error) error {
	for len(data) > 0 {
		t := tag(data[0])
		length, n := binary.Uvarint(data[1:])
		if n <= 0 || length > uint64(len(data)-1-n) {
			return errRecord
		}
		start := 1 + n
		end := start + int(length)
		if err := see(t, data[start:end]); err != nil {
			return fmt.Errorf("field %d: %w", t, err)
		}
		data = data[end:]
	}
	return nil
}

func dateOf(value []byte) (market.Date, error) {
	n, used := binary.Varint(value)
	if used != len(value) || n != int64(market.Date(n)) {
		return market.NoDate, errRecord
	}
	return market.Date(n), nil
}

func numberOf(value []byte) (int64, error) {
	n, used := binary.Varint(value)
	if used != len(value) {
		return 0, errRecord
	}
	return n, nil
}

func decimalOf(value []byte) (*money.Decimal, error) {
	parsed, err := money.Parse(string(value))
	return &parsed, err
}
