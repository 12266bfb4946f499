//go:build unix

package app

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"folioscope/internal/engine/enginetest"
	"folioscope/internal/notify/notifytest"
	"folioscope/internal/pgtest"
)

// mailFaults are how a mail server goes wrong for a while.
var mailFaults = []notifytest.Behaviour{
	{NoTLS: true, OnMail: &smtp.SMTPError{Code: 421, Message: "come back later"}},
	{NoTLS: true, OnRcpt: &smtp.SMTPError{Code: 450, Message: "come back later"}},
	{NoTLS: true, OnData: &smtp.SMTPError{Code: 451, Message: "come back later"}},
	{NoTLS: true, DropData: true},
	{NoTLS: true, DropDone: true},
}

// chaos makes things go wrong, by dice.
type chaos struct {
	*stage
	dice   *rand.Rand
	nodes  []*process
	faults map[string]int
}

// strike breaks something, or mends it.
func (c *chaos) strike() {
	const healthy = 3 // times as likely as any other conduct
	switch c.dice.IntN(30) {
	case 0:
		c.faults["nodes killed"]++
		n := c.nodes[c.dice.IntN(len(c.nodes))]
		n.kill()
		n.start()
	case 1, 2:
		c.faults["bus down"]++
		c.nats.Stop()
	case 3, 4, 5, 6:
		c.nats.Start()
	case 7, 8, 9, 10, 11, 12:
		conduct := max(conduct(c.dice.IntN(int(conductsCount)+healthy)-healthy), takes)
		if conduct != takes {
			c.faults["webhooks' receivers failing"]++
		}
		c.hooks.behave(conduct)
	case 13, 14, 15, 16, 17, 18:
		behaviour := notifytest.Behaviour{NoTLS: true}
		if i := c.dice.IntN(len(mailFaults)+healthy) - healthy; i >= 0 {
			c.faults["mail server failing"]++
			behaviour = mailFaults[i]
		}
		c.mail.Behave(behaviour)
	}
}

// calm mends all.
func (c *chaos) calm() {
	c.nats.Start()
	c.hooks.behave(takes)
	c.mail.Behave(notifytest.Behaviour{NoTLS: true})
}

// killed says whether a node was killed about when a message came, so that it may have had no time to note that it was sent.
func (c *chaos) killed(at time.Time) bool {
	const before, after = time.Second, 10 * time.Second // the message was on its way; the database was slow
	return slices.ContainsFunc(c.nodes, func(n *process) bool {
		return slices.ContainsFunc(n.kills, func(kill time.Time) bool { return kill.After(at.Add(-before)) && kill.Before(at.Add(after)) })
	})
}

// repeats are messages that came again, by what can be the cause.
type repeats struct {
	unanswered int // their sender never got to know that one came: it has to try again
	killed     int // their sender knew, and was killed before that was noted
	doubled    int // there is no reason, or they tell as another message
}

func (c *chaos) repeats(came arrivals) (r repeats) {
	for _, all := range came {
		for i := 1; i < len(all); i++ {
			before := all[i-1]
			switch {
			case all[i].id != all[0].id:
				r.doubled++
			case !before.acknowledged:
				r.unanswered++
			case c.killed(before.at):
				r.killed++
			default:
				r.doubled++
			}
		}
	}
	return r
}

// With nodes that are killed and come back, a bus that is down at times, and receivers and a mail server that fail in every way that a
// message can be cut off in, every crossing comes by both channels. A message comes again only where its sender can't know that it came,
// and then as the same one: with its id, by which a receiver tells.
func TestEveryCrossingArrivesWithFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, database string
		nodes          []string // by their own data
	}{
		{"sqlite", "", []string{""}},
		{"postgres", pgtest.Database(t), []string{"", "-2", "-3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			const (
				rules    = 10                     // of each person
				interval = 150 * time.Millisecond // so that the crossings take some time, in which a lot goes wrong
			)
			c := &chaos{stage: newStage(t, test.database, rules), dice: rand.New(rand.NewPCG(enginetest.Seed, 3)), faults: make(map[string]int)}
			for _, name := range test.nodes {
				c.nodes = append(c.nodes, c.spawn(name))
			}
			began := time.Now()
			for c.walk.Due() < crossingsMin() {
				c.next()
				time.Sleep(interval)
				c.strike()
			}
			c.calm()
			struck := time.Since(began)
			c.settled()
			t.Logf("%d crossings in %d prices within %s, and %s until all had come; faults: %v", c.walk.Due(), c.walk.Prices(), struck.Round(time.Second), (time.Since(began) - struck).Round(time.Second), c.faults)
			for channel, came := range map[string]arrivals{"mail": mailed(t, c.mail), "webhook": c.hooks.all(t)} {
				missed, _ := c.walk.Compare(came.counts())
				r := c.repeats(came)
				t.Logf("by %s, with faults: %d missed, %d doubled; and again as the same message: %d never acknowledged, %d acknowledged to a node that was killed", channel, missed, r.doubled, r.unanswered, r.killed)
				if missed != 0 || r.doubled*1000 > c.walk.Due() || len(came) != c.walk.Due() {
					t.Errorf("by %s: %d of %d crossings came, %d missed, %+v", channel, len(came), c.walk.Due(), missed, r)
				}
			}
		})
	}
}
