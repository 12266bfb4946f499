package live

import (
	"testing"
	"testing/synctest"
)

// awaySaid are the events of a browser that say what is away.
func (b *browser) awaySaid() (said []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.name == "degraded" {
			said = append(said, e.data)
		}
	}
	return said
}

// Whoever watches is told once of each change, and whoever comes while something is away, at once; a slow viewer is told how it is now.
func TestViewersAreToldWhatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.hold("u", "p", "a")
		synctest.Wait()
		w.hub.SetAway(nil) // as nodes begin
		one := w.browse("u", "", "p")
		synctest.Wait()
		expect(t, "told while all is there", len(one.awaySaid()), 0)

		for _, parts := range [][]string{{AwayBus}, {AwayBus}, {AwayDatabase, AwayBus}} {
			w.hub.SetAway(parts)
			synctest.Wait()
		}
		expect(t, "told", len(one.awaySaid()), 2)
		expect(t, "told last", one.awaySaid()[1], `{"away":["database","bus"]}`)
		late := w.browse("u", "", "p")
		synctest.Wait()
		expect(t, "told who came later", len(late.awaySaid()), 1)

		late.block()
		w.hub.SetAway([]string{AwayBus})
		synctest.Wait()
		w.hub.SetAway(nil)
		synctest.Wait()
		late.unblock()
		synctest.Wait()
		said := late.awaySaid()
		expect(t, "told the slow one last", said[len(said)-1], `{"away":[]}`)
		after := w.browse("u", "", "p")
		synctest.Wait()
		expect(t, "told who comes once all is back", after.awaySaid()[0], `{"away":[]}`)
		for _, b := range []*browser{one, late, after} {
			b.leave()
		}
	})
}
