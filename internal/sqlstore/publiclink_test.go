package sqlstore

import (
	"sync"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

func publicLink(number byte) identity.PublicLink {
	return identity.PublicLink{Owner: "anna", Portfolio: "p1", Hash: identity.TokenHash{number}, Level: "view", CreatedAt: testStart.Add(time.Duration(number) * time.Microsecond), ExpiresAt: testStart.AddDate(0, 0, 30)}
}

// looked opens a link from a network, and gives what the store says.
func (b *bench) looked(link identity.PublicLink, network string) (identity.PublicLink, error) {
	return b.OpenPublicLink(b.t.Context(), link.Owner, link.Hash, network, b.clock.Now(), entry("", audit.LinkOpened))
}

func TestPublicLinksHoldUntilTheyEnd(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		for _, owner := range []ledger.OwnerID{"anna", "bert"} {
			b.user(owner)
			b.portfolio(owner, map[ledger.OwnerID]ledger.PortfolioID{"anna": "p1", "bert": "p2"}[owner])
		}
		first, second := publicLink(1), publicLink(2)
		second.ExpiresAt = testStart.Add(time.Hour)
		b.ok(b.CreatePublicLink(ctx, first, entry("anna", audit.LinkCreated)))
		b.ok(b.CreatePublicLink(ctx, second, entry("anna", audit.LinkCreated)))
		b.kind(b.CreatePublicLink(ctx, first, entry("anna", audit.LinkCreated)), fault.Conflict)
		foreign := publicLink(3)
		foreign.Portfolio = "p2"
		b.kind(b.CreatePublicLink(ctx, foreign, entry("anna", audit.LinkCreated)), fault.NotFound)
		b.reopen()

		links, err := b.PublicLinks(ctx, "anna", "p1")
		b.ok(err)
		if len(links) != 2 || render(links[0]) != render(second) || render(links[1]) != render(first) {
			t.Errorf("%s", render(links))
		}
		for _, of := range []struct {
			owner     ledger.OwnerID
			portfolio ledger.PortfolioID
		}{{"bert", "p1"}, {"bert", "p2"}, {"anna", "p2"}} {
			if links, err := b.PublicLinks(ctx, of.owner, of.portfolio); err != nil || len(links) != 0 {
				t.Errorf("%v has %s, %v", of, render(links), err)
			}
			b.kind(b.DeletePublicLink(ctx, of.owner, of.portfolio, first.Hash, entry(of.owner, audit.LinkRevoked)), fault.NotFound)
		}

		got, err := b.looked(first, "198.51.100.7")
		b.ok(err)
		if got.Portfolio != "p1" || got.Level != "view" || !got.ExpiresAt.Equal(first.ExpiresAt) {
			t.Errorf("%s", render(got))
		}
		stranger := first
		stranger.Owner = "bert"
		_, err = b.looked(stranger, "198.51.100.7")
		b.kind(err, fault.NotFound)
		_, err = b.looked(publicLink(9), "198.51.100.7")
		b.kind(err, fault.NotFound)

		b.clock.advance(time.Hour)
		_, err = b.looked(second, "198.51.100.7")
		b.kind(err, fault.NotFound)
		_, err = b.db.exec(ctx, `UPDATE users SET status = 'suspended' WHERE owner = $1`, "anna")
		b.ok(err)
		_, err = b.looked(first, "198.51.100.7")
		b.kind(err, fault.NotFound)
		_, err = b.db.exec(ctx, `UPDATE users SET status = 'active' WHERE owner = $1`, "anna")
		b.ok(err)
		_, err = b.looked(first, "198.51.100.7")
		b.ok(err)
		b.ok(b.DeletePublicLink(ctx, "anna", "p1", first.Hash, entry("anna", audit.LinkRevoked)))
		_, err = b.looked(first, "198.51.100.7")
		b.kind(err, fault.NotFound)

		b.ok(b.DeletePublicLinksBefore(ctx, second.ExpiresAt))
		if n := b.count(`SELECT COUNT(*) FROM public_links`); n != 1 {
			t.Errorf("%d links, and one had just ended", n)
		}
		b.ok(b.DeletePublicLinksBefore(ctx, second.ExpiresAt.Add(time.Second)))
		if n := b.count(`SELECT COUNT(*) FROM public_links`); n != 0 {
			t.Errorf("%d links are kept for good", n)
		}
	})
}

// A network counts once an hour, however often and from how many sides at once it comes, and each time is one row in the owner's log.
func TestOpeningsOfPublicLinksAreCounted(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.portfolio("anna", "p1")
		link := publicLink(1)
		b.ok(b.CreatePublicLink(ctx, link, entry("anna", audit.LinkCreated)))
		recorded := func() (n int) {
			rows, err := b.Audits(ctx, "anna", 0, 1000)
			b.ok(err)
			for _, row := range rows {
				if row.Action == audit.LinkOpened {
					n++
					if row.Object != link.ID() || row.Actor != "" || row.Owner != "anna" {
						t.Errorf("%+v", row)
					}
				}
			}
			return n
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := b.looked(link, "198.51.100.7"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		_, err := b.looked(link, "198.51.100.8")
		b.ok(err)
		b.clock.advance(time.Hour)
		_, err = b.looked(link, "198.51.100.7")
		b.ok(err)
		links, err := b.PublicLinks(ctx, "anna", "p1")
		b.ok(err)
		if links[0].Opened != 3 || !links[0].OpenedAt.Equal(b.clock.Now()) || recorded() != 3 {
			t.Errorf("%s, %d recorded", render(links), recorded())
		}
		b.ok(b.PruneOpenings(ctx, b.clock.Now()))
		if n := b.count(`SELECT COUNT(*) FROM public_link_openings`); n != 1 {
			t.Errorf("%d openings are remembered, want that of this hour", n)
		}
	})
}

func TestPublicLinksAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.portfolio("anna", "p1")
		ended := publicLink(200)
		ended.ExpiresAt = testStart.Add(time.Second)
		b.ok(b.CreatePublicLink(ctx, ended, entry("anna", audit.LinkCreated)))
		b.clock.advance(time.Minute)
		for i := range publicLinksMax {
			link := publicLink(byte(i))
			link.CreatedAt = b.clock.Now()
			b.ok(b.CreatePublicLink(ctx, link, entry("anna", audit.LinkCreated)))
		}
		more := publicLink(100)
		more.CreatedAt = b.clock.Now()
		b.kind(b.CreatePublicLink(ctx, more, entry("anna", audit.LinkCreated)), fault.Conflict)

		// As if openingsMax networks had come within this hour.
		link, hour := publicLink(1), stamp(b.clock.Now().Truncate(openingPeriod))
		for i := range openingsMax {
			_, err := b.db.exec(ctx, sqlNewOpening, "anna", link.Hash[:], hour, []byte{byte(i), byte(i >> 8)})
			b.ok(err)
		}
		_, err := b.looked(link, "198.51.100.7")
		b.kind(err, fault.Limited)
		b.clock.advance(time.Hour)
		_, err = b.looked(link, "198.51.100.7")
		b.ok(err)
	})
}
