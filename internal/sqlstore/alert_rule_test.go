package sqlstore

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// aRule is a rule that uses every field there is, whatever its kind has.
func aRule(owner ledger.OwnerID, id alert.RuleID) alert.Rule {
	return alert.Rule{
		Owner: owner, ID: id, Version: 1, Name: "Apple is dear", Repeat: alert.RepeatDaily, Cooldown: 6 * time.Hour, For: 15 * time.Minute, NoData: true,
		ExpiresAt: testStart.AddDate(1, 0, 0), SnoozedUntil: testStart.Add(time.Hour), Channels: []alert.ChannelID{"mail", "chat"}, CreatedAt: testStart,
		Condition: alert.Condition{
			Kind: alert.Price, Instrument: "aapl", Base: "USD", Quote: "EUR", Direction: alert.Above, Threshold: money.MustParse("200.50"), Unit: alert.UnitPercent,
			Days: 30, Group: alert.Group{By: "sector", Name: "Technology"}, Target: number("-20"), Rearm: number("190.0"), Expression: `day.change_percent < -3`,
		},
	}
}

func (b *bench) rule(owner ledger.OwnerID, id alert.RuleID) alert.Kept {
	b.t.Helper()
	kept, err := b.Rule(b.t.Context(), owner, id)
	b.ok(err)
	return kept
}

func TestRuleIsKeptWhole(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.user("bob")
		full, bare := aRule("anna", "r1"), alert.Rule{Owner: "anna", ID: "r2", Version: 1, Repeat: alert.RepeatOnce, CreatedAt: testStart}
		bare.Condition.Kind = alert.ImportFailed
		silent := aRule("anna", "r3")
		silent.Channels = []alert.ChannelID{} // the inbox alone, which isn't all
		for _, rule := range []alert.Rule{full, bare, silent} {
			b.ok(b.CreateRule(ctx, rule, entry("anna", audit.AlertCreated)))
		}
		b.kind(b.CreateRule(ctx, full, entry("anna", audit.AlertCreated)), fault.Conflict)
		b.reopen()
		all, err := b.Rules(ctx, "anna")
		b.ok(err)
		if len(all) != 3 {
			t.Fatalf("%d rules", len(all))
		}
		for i, want := range []alert.Rule{full, bare, silent} {
			if !reflect.DeepEqual(all[i], alert.Kept{Rule: want, Standing: alert.Begin(testStart, 0), StandingVersion: 1}) {
				t.Errorf("kept %+v, want %+v", all[i], want)
			}
		}
		if all, err := b.Rules(ctx, "bob"); err != nil || len(all) != 0 {
			t.Errorf("somebody else's: %v, %v", all, err)
		}
		_, err = b.Rule(ctx, "bob", "r1")
		b.kind(err, fault.NotFound)
		b.kind(b.DeleteRule(ctx, "bob", "r1", entry("bob", audit.AlertDeleted)), fault.NotFound)
		stolen := full
		stolen.Owner = "bob"
		_, err = b.ReplaceRule(ctx, stolen, true, entry("bob", audit.AlertChanged))
		b.kind(err, fault.NotFound)
		b.ok(b.DeleteRule(ctx, "anna", "r1", entry("anna", audit.AlertDeleted)))
		b.kind(b.DeleteRule(ctx, "anna", "r1", entry("anna", audit.AlertDeleted)), fault.NotFound)
	})
}

// A standing comes back as it was sealed, every field of it, and under its own rule alone.
func TestStandingIsKeptWhole(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		key, err := b.key(t.Context(), b.db, "anna")
		b.ok(err)
		full := alert.Standing{
			State: alert.StateFiring, Since: testStart, Through: 77, Value: number("0.10"), Side: alert.Below, Held: true, FiredAt: testStart.Add(time.Minute), ToldAt: testStart.Add(time.Hour),
			TroubleAt: testStart.Add(2 * time.Hour), Firings: 3, Ended: true, Why: "There is no price.",
		}
		for _, want := range []alert.Standing{full, {}} {
			got, err := openStanding(key, "r1", sealStanding(key, "r1", &want))
			b.ok(err)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
		if _, err := openStanding(key, "r2", sealStanding(key, "r1", &full)); err == nil {
			t.Error("another rule's standing opens")
		}
	})
}

// Of several who change a rule at once one wins; the others are told to look again. Another condition begins anew, and sees the prices from
// then on; another name doesn't.
func TestRuleIsChangedAtItsVersion(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.instruments("aapl")
		b.user("anna")
		b.ok(b.CreateRule(ctx, aRule("anna", "r1"), entry("anna", audit.AlertCreated)))
		var wg sync.WaitGroup
		var mu sync.Mutex
		kinds := map[fault.Kind]int{}
		for i := range 8 {
			wg.Go(func() {
				rule := aRule("anna", "r1")
				rule.Name = fmt.Sprint("try ", i)
				_, err := b.ReplaceRule(ctx, rule, false, entry("anna", audit.AlertChanged))
				mu.Lock()
				defer mu.Unlock()
				kinds[fault.KindOf(err)]++
			})
		}
		wg.Wait()
		if kinds[""] != 1 || kinds[fault.Stale] != 7 {
			t.Errorf("they ended as %v", kinds)
		}
		kept := b.rule("anna", "r1")
		if kept.Rule.Version != 2 || kept.StandingVersion != 1 || kept.Standing.Through != 0 {
			t.Errorf("%+v", kept)
		}
		_, _, err := b.Accept(ctx, []market.Mark{at("aapl", 1, "201")})
		b.ok(err)
		anew := func(how string, anew bool, version int64) {
			t.Helper()
			changed, err := b.ReplaceRule(ctx, kept.Rule, anew, entry("anna", audit.AlertChanged))
			b.ok(err)
			if kept = b.rule("anna", "r1"); !reflect.DeepEqual(kept, changed) {
				t.Errorf("%s: given %+v, kept %+v", how, changed, kept)
			}
			if kept.StandingVersion != version || kept.Standing != alert.Begin(b.clock.Now(), 1) {
				t.Errorf("%s: %+v", how, kept)
			}
		}
		kept.Rule.Condition.Threshold = money.MustParse("210")
		anew("another threshold", false, 2)
		b.clock.advance(time.Hour)
		anew("as it is told to", true, 3)
	})
}

func TestRulesAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.user("bob")
		for i := range alert.RulesMax {
			b.ok(b.CreateRule(ctx, aRule("anna", alert.RuleID(fmt.Sprint("r", i))), entry("anna", audit.AlertCreated)))
		}
		b.kind(b.CreateRule(ctx, aRule("anna", "one too many"), entry("anna", audit.AlertCreated)), fault.TooLarge)
		b.ok(b.CreateRule(ctx, aRule("bob", "r1"), entry("bob", audit.AlertCreated)))
		b.ok(b.DeleteRule(ctx, "anna", "r0", entry("anna", audit.AlertDeleted)))
		b.ok(b.CreateRule(ctx, aRule("anna", "another"), entry("anna", audit.AlertCreated)))
	})
}

// Whoever evaluates a partition finds who changed something since it looked, and prices are polled for what rules name as for what is held.
func TestRulesAreAnnouncedAndTheirPricesWanted(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.instruments("aapl", "msft")
		b.user("anna")
		b.user("bob")
		sequence := func(owner ledger.OwnerID) (of, partition int64) {
			b.ok(b.db.one(ctx, `SELECT o.sequence, p.sequence FROM alert_owners o JOIN alert_partitions p ON p.partition = o.partition WHERE o.owner = $1`, []any{string(owner)}, &of, &partition))
			return of, partition
		}
		counted := func(what string, want ...int) {
			t.Helper()
			for i, id := range []market.InstrumentID{"aapl", "msft", market.RateID("USD")} {
				if n := b.count(`SELECT COALESCE(SUM(holders), 0) FROM instrument_interest WHERE instrument = $1`, string(id)); n != want[i] {
					t.Errorf("%s: %d want %s, not %d", what, n, id, want[i])
				}
			}
		}
		rule := aRule("anna", "r1")
		b.ok(b.CreateRule(ctx, rule, entry("anna", audit.AlertCreated)))
		if of, partition := sequence("anna"); of != 1 || partition != 1 {
			t.Errorf("after one change: %d of %d", of, partition)
		}
		counted("one rule", 1, 0, 1)
		b.ok(b.CreateRule(ctx, aRule("bob", "r1"), entry("bob", audit.AlertCreated)))
		counted("two rules", 2, 0, 2)
		rule.Condition.Instrument, rule.Condition.Base = "msft", "EUR"
		_, err := b.ReplaceRule(ctx, rule, true, entry("anna", audit.AlertChanged))
		b.ok(err)
		counted("another instrument", 1, 1, 1)
		if of, partition := sequence("anna"); of != 2 || partition != 2 {
			t.Errorf("after two: %d of %d", of, partition)
		}
		_, err = b.db.exec(ctx, `UPDATE instrument_interest SET holders = 9`)
		b.ok(err)
		b.ok(b.RecountInterest(ctx))
		counted("recounted", 1, 1, 1)
		b.ok(b.EraseUser(ctx, "bob", entry("", audit.UserErased)))
		counted("one was erased", 0, 1, 0)
		b.ok(b.DeleteRule(ctx, "anna", "r1", entry("anna", audit.AlertDeleted)))
		counted("none is left", 0, 0, 0)
		if n := b.count(`SELECT COUNT(*) FROM alert_partitions`); n != engine.PartitionsCount {
			t.Errorf("%d partitions", n)
		}
	})
}
