//go:build linux

package outage

import (
	"fmt"
	"strconv"
	"testing"
)

const ownWrites = 60

// What one node took, every other shows in its next answer, no bus or clock between them; a read that names the sequence is never older.
func testOwnWrites(t *testing.T, p *place) {
	one := p.people[0]
	b, err := one.openBook("own writes")
	p.ok(err)
	for i := range ownWrites {
		writer, reader := p.nodes[i%len(p.nodes)], p.nodes[(i+1+i/len(p.nodes))%len(p.nodes)]
		e := b.deposit(b.entryOf(0))
		call := moment()
		b.settle(&pending{0, call, e}, one.try("http://"+writer.address, "POST", b.path+"/activities", map[string]string{"Idempotency-Key": e.key}, map[string]any{"activities": []any{e.body}}))
		if e.ack == nil {
			t.Fatalf("%s did not take an activity", writer.name)
		}
		for _, query := range []string{"", "?sequence=" + strconv.FormatInt(e.ack.Sequence, 10)} {
			d := one.document(reader, b.path+query)
			if d == nil || d.Sequence != e.ack.Sequence {
				t.Errorf("I5: %s took sequence %d, then %s says %+v", writer.name, e.ack.Sequence, reader.name, d)
			}
		}
	}
	if d := one.document(p.nodes[0], fmt.Sprint(b.path, "?sequence=", b.newest()+1)); d != nil {
		t.Errorf("%s answered a read of a sequence that isn't there yet: %+v", p.nodes[0].name, d)
	}
	b.verify(t)
	t.Logf("own writes: %d, each seen by the next read on another node", ownWrites)
}
