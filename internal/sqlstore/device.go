package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

const (
	// How many there are, and whether one of them is that of $2, seen since $3.
	sqlKnownDevice = `SELECT COUNT(*), COALESCE(MAX(CASE WHEN hash = $2 AND seen_at >= $3 THEN 1 ELSE 0 END), 0) FROM known_devices WHERE owner = $1`
	sqlSeeDevice   = `INSERT INTO known_devices (owner, hash, seen_at) VALUES ($1, $2, $3) ON CONFLICT (owner, hash) DO UPDATE SET seen_at = excluded.seen_at`
	sqlFewDevices  = `DELETE FROM known_devices WHERE owner = $1 AND hash NOT IN (SELECT hash FROM known_devices WHERE owner = $1 ORDER BY seen_at DESC, hash LIMIT $2)`
	sqlDropDevices = `DELETE FROM known_devices WHERE owner = $1`
	// Everybody's last one stays: who comes back after years with another browser is told.
	sqlSweepDevices = `DELETE FROM known_devices WHERE seen_at < $1 AND EXISTS (SELECT 1 FROM known_devices k WHERE k.owner = known_devices.owner AND k.seen_at > known_devices.seen_at)`
)

const devicesMax = 50 // of one user: the latest seen

// see notes that an owner signed in with a browser; it is new where they have others and not this one, or not for a long time. The
// first is not new: there is nobody yet who would be surprised.
func see(ctx context.Context, q queries, owner ledger.OwnerID, device identity.TokenHash, now time.Time) (isNew bool, err error) {
	var devices, known int
	if err := q.one(ctx, sqlKnownDevice, []any{string(owner), device[:], stamp(now.Add(-identity.DeviceAgeMax))}, &devices, &known); err != nil {
		return false, err
	}
	if _, err := q.exec(ctx, sqlSeeDevice, string(owner), device[:], stamp(now)); err != nil {
		return false, err
	}
	if known == 0 && devices >= devicesMax {
		if _, err := q.exec(ctx, sqlFewDevices, string(owner), devicesMax); err != nil {
			return false, err
		}
	}
	return devices > 0 && known == 0, nil
}

// DeleteDevicesBefore forgets the browsers that were last seen before a time, but nobody's last one.
func (s *Store) DeleteDevicesBefore(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlSweepDevices, stamp(before))
	return s.explain("delete old devices", err)
}
