package sqlstore

import (
	"context"
	"crypto/rand"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/ledger"
)

const (
	sqlNewIncident    = `INSERT INTO alert_incidents (owner, id, kind, at) VALUES ($1, $2, $3, $4)`
	sqlFewIncidents   = `DELETE FROM alert_incidents WHERE owner = $1 AND id NOT IN (SELECT id FROM alert_incidents WHERE owner = $1 ORDER BY at DESC, id LIMIT $2)`
	sqlIncidents      = `SELECT id, kind, at FROM alert_incidents WHERE owner = $1 AND at >= $2 ORDER BY at, id`
	sqlEraseIncidents = `DELETE FROM alert_incidents WHERE owner = $1`
)

const incidentsMax = 50 // of one owner, the latest: who evaluates rules looks every few seconds

// happened notes an incident in the transaction in which it happens.
func (s *Store) happened(ctx context.Context, q queries, owner ledger.OwnerID, incident audit.Incident) error {
	if _, err := q.exec(ctx, sqlNewIncident, string(owner), rand.Text(), string(incident), stamp(s.now())); err != nil {
		return err
	}
	_, err := q.exec(ctx, sqlFewIncidents, string(owner), incidentsMax)
	return err
}

// Incidents are what happened to an owner since a time, in its order, for rules that wait for it: the latest 50 at most.
func (s *Store) Incidents(ctx context.Context, owner ledger.OwnerID, since time.Time) ([]alert.Incident, error) {
	var all []alert.Incident
	err := s.db.each(ctx, sqlIncidents, []any{string(owner), stamp(since)}, func(row scanner) error {
		var id, kind string
		var at int64
		if err := row.Scan(&id, &kind, &at); err != nil {
			return err
		}
		one := alert.Incident{ID: id, At: moment(at)}
		switch audit.Incident(kind) {
		case audit.IncidentNewBrowser:
			one.Kind, one.Says = alert.SignIn, "A sign-in from a browser that wasn't seen before."
		case audit.IncidentCodesRefused:
			one.Kind, one.Says = alert.SignIn, "Several second factors in a row were refused."
		case audit.IncidentImportRefused:
			one.Kind, one.Says = alert.ImportFailed, "An import was refused, and nothing of it was stored."
		}
		all = append(all, one)
		return nil
	})
	return all, s.explain("read incidents", err)
}
