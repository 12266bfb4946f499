package app

import (
	"context"
	"crypto/rand"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/engine"
	"folioscope/internal/event"
	"folioscope/internal/ledger"
)

// buildEngine makes what evaluates alert rules, where that is this node's role.
func (n *node) buildEngine(name string) {
	if !n.settings.HasRole(config.RoleEngine) {
		return
	}
	n.engine = engine.New(engine.Options{
		Store: n.store, Bus: n.bus, Zone: n.zone, Node: name, Now: n.o.Now, NewID: rand.Text, Log: n.o.Log,
	})
	n.add("alerts", n.engine.Run)
}

// zone is where somebody's days begin and end.
func (n *node) zone(ctx context.Context, owner ledger.OwnerID) (*time.Location, error) {
	settings, err := n.store.NoticeSettings(ctx, owner)
	if err != nil {
		return nil, err
	}
	return settings.Location(), nil
}

// alertsChanged tells whoever evaluates somebody's rules to read them again. Without the hint they find out by themselves.
func (n *node) alertsChanged(ctx context.Context, owner ledger.OwnerID) {
	const wait = time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	if err := n.bus.Publish(ctx, event.AlertsChangedSubject(owner), event.AlertsChanged{OwnerID: owner}.Payload()); err != nil {
		n.o.Log.Warn("no hint that alert rules changed; they are read within seconds", "error", err)
	}
}
