package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"folioscope/internal/ingest"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/natsbus"
)

// nothing is a store and a journal in which there is nothing.
type nothing struct{}

func (nothing) Marks(_ context.Context, after int64) ([]market.Mark, int64, error) {
	return nil, after, nil
}

func (nothing) Sequences(context.Context, []live.Key) (map[live.Key]int64, error) {
	return map[live.Key]int64{}, nil
}

func (nothing) Holdings(context.Context, ledger.OwnerID, ledger.PortfolioID, int64) (*journal.Held, error) {
	return nil, errors.New("nobody holds anything")
}

// BenchmarkRatioIntake takes in accepted quotes on a node as ingest publishes them, from the bus to the table of marks that
// portfolios are valued by; against messages of 128 bytes that the same NATS core delivers to a subscriber who does nothing.
func BenchmarkRatioIntake(b *testing.B) {
	const (
		instruments = 5000
		together    = 500 // quotes that are accepted in one step of a poll
		floorBytes  = 128 // of a message
		portion     = 225
		inFlight    = 4 * portion // messages: the bus keeps 1,000 for a slow subscriber
		window      = 250 * time.Millisecond
	)
	log := slog.New(slog.DiscardHandler)
	hints, err := natsbus.Open(b.Context(), natsbus.Options{Name: "intake", Log: log})
	if err != nil {
		b.Fatal(err)
	}
	calendar, err := market.NewCalendar()
	if err != nil {
		b.Fatal(err)
	}
	hub := live.New(nothing{}, nothing{}, hints, calendar, live.Options{Log: log, Now: time.Now, Workers: 1})
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- hub.Run(running) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
		if err := hints.Close(); err != nil {
			b.Error(err)
		}
	})
	for !hub.Ready() {
		time.Sleep(time.Millisecond)
	}

	// Credit goes back to the publisher in portions, so that neither waits for the other while there is some.
	received, credit := 0, make(chan struct{}, inFlight/portion)
	take := func(string, []byte) {
		if received++; received%portion == 0 {
			credit <- struct{}{}
		}
	}
	if _, err := hints.Subscribe("folioscope.v1.bench", take, nil); err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, floorBytes)
	floor := func() (count int64, took time.Duration) {
		start := time.Now()
		for ahead := 0; ; {
			over := time.Since(start) >= window
			for ahead == inFlight/portion || over && ahead > 0 {
				<-credit
				ahead--
			}
			if over {
				return count, time.Since(start)
			}
			for range portion {
				if err := hints.Publish(b.Context(), "folioscope.v1.bench", payload); err != nil {
					b.Fatal(err)
				}
			}
			count += portion
			ahead++
		}
	}

	var sequence int64
	now := time.Now().UTC()
	publisher := ingest.Hints{Bus: hints}
	ids := make([]market.InstrumentID, instruments)
	for n := range ids {
		ids[n] = market.InstrumentID(fmt.Sprintf("instrument-%04d", n))
	}
	previous := money.MustParse("181.4375")
	marks := make([]market.Mark, together)
	ours := func() (count int64, took time.Duration) {
		start := time.Now()
		for time.Since(start) < window {
			for from := 0; from < instruments; from += together {
				before := sequence
				source := fmt.Sprintf("round-%d", sequence)
				for n := range marks {
					sequence++
					marks[n] = market.Mark{
						Quote:         market.Quote{Instrument: ids[from+n], Price: money.NewDecimal(1_820_000+sequence%10_000, -4), Currency: "USD", Source: source, ObservedAt: now, MarketTime: now},
						PreviousClose: &previous, PreviousDate: market.DateOf(now) - 1, Sequence: sequence,
					}
				}
				if err := publisher.QuotesAccepted(b.Context(), sequence, before, marks); err != nil {
					b.Fatal(err)
				}
				if from+together == instruments {
					for seen := ""; seen != source; seen, _ = hub.PriceSource(ids[instruments-1], market.DateOf(now)) {
						time.Sleep(50 * time.Microsecond)
					}
				}
			}
			count += instruments
		}
		return count, time.Since(start)
	}
	floor()
	ours()
	var floorCount, oursCount int64
	var floorTook, oursTook time.Duration
	for b.Loop() {
		const turns = 6 // so that what else runs on the machine meets both alike
		for range turns {
			count, took := floor()
			floorCount, floorTook = floorCount+count, floorTook+took
			count, took = ours()
			oursCount, oursTook = oursCount+count, oursTook+took
		}
	}
	delivered, taken := float64(floorCount)/floorTook.Seconds(), float64(oursCount)/oursTook.Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(delivered, "floor-messages/s")
	b.ReportMetric(taken, "quotes/s")
	b.ReportMetric(taken/delivered, "ratio") // at least 0.3
}
