package sqlstore

import (
	"context"
	"slices"

	"folioscope/internal/alert"
	"folioscope/internal/engine"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/seal"
)

const (
	sqlNewRule     = `INSERT INTO alert_rules (owner, id, version, standing_version, body, standing, created_at) VALUES ($1, $2, 1, 1, $3, $4, $5)`
	sqlCountRules  = `SELECT COUNT(*) FROM alert_rules WHERE owner = $1`
	sqlRules       = `SELECT ` + ruleCols + ` FROM alert_rules WHERE owner = $1 ORDER BY created_at, id`
	sqlRule        = `SELECT ` + ruleCols + ` FROM alert_rules WHERE owner = $1 AND id = $2`
	sqlSetRule     = `UPDATE alert_rules SET version = version + 1, body = $3 WHERE owner = $1 AND id = $2`
	sqlSetStanding = `UPDATE alert_rules SET standing_version = standing_version + 1, standing = $3 WHERE owner = $1 AND id = $2`
	sqlDropRule    = `DELETE FROM alert_rules WHERE owner = $1 AND id = $2`
	sqlEraseRules  = `DELETE FROM alert_rules WHERE owner = $1`

	sqlBumpPartition = `UPDATE alert_partitions SET sequence = sequence + 1 WHERE partition = $1 RETURNING sequence`
	sqlPutAlertOwner = `INSERT INTO alert_owners (owner, partition, sequence) VALUES ($1, $2, $3)
ON CONFLICT (owner) DO UPDATE SET sequence = excluded.sequence`
	sqlEraseAlertOwner = `DELETE FROM alert_owners WHERE owner = $1`

	sqlSweepRuleInterests = `SELECT r.owner, r.id, r.version, r.standing_version, r.body, r.standing, k.version, k.wrapped FROM alert_rules r
JOIN users u ON u.owner = r.owner JOIN user_keys k ON k.owner = u.owner AND k.version = u.key_version
WHERE (r.owner, r.id) > ($1, $2) AND u.owner >= $1 AND k.owner >= $1 ORDER BY r.owner, r.id LIMIT $3`

	ruleCols = `id, version, standing_version, body, standing`
)

func errNoRule() error { return fault.New(fault.NotFound, "there is no such rule") }

// storedRule is a row before it is opened.
type storedRule struct {
	alert.Kept
	body, standing []byte
}

func (r *storedRule) fields() []any {
	return []any{(*string)(&r.Rule.ID), &r.Rule.Version, &r.StandingVersion, &r.body, &r.standing}
}

func (r *storedRule) open(key *seal.Key) (kept alert.Kept, err error) {
	kept = r.Kept
	if err = openRule(key, &kept.Rule, r.body); err != nil {
		return kept, err
	}
	kept.Standing, err = openStanding(key, kept.Rule.ID, r.standing)
	return kept, err
}

func (s *Store) rules(ctx context.Context, q queries, text string, owner ledger.OwnerID, more ...any) ([]alert.Kept, error) {
	var stored []storedRule
	err := q.each(ctx, text, append([]any{string(owner)}, more...), func(row scanner) error {
		r := storedRule{}
		r.Rule.Owner = owner
		err := row.Scan(r.fields()...)
		stored = append(stored, r)
		return err
	})
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	key, err := s.key(ctx, q, owner)
	if err != nil {
		return nil, err
	}
	all := make([]alert.Kept, len(stored))
	for i := range stored {
		if all[i], err = stored[i].open(key); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Store) rule(ctx context.Context, q queries, owner ledger.OwnerID, id alert.RuleID) (alert.Kept, error) {
	found, err := s.rules(ctx, q, sqlRule, owner, string(id))
	if err != nil {
		return alert.Kept{}, err
	}
	if len(found) == 0 {
		return alert.Kept{}, errNoRule()
	}
	return found[0], nil
}

// Rules gives an owner's rules with how they stand, in the order in which they were made.
func (s *Store) Rules(ctx context.Context, owner ledger.OwnerID) ([]alert.Kept, error) {
	all, err := s.rules(ctx, s.db, sqlRules, owner)
	return all, s.explain("list rules", err)
}

// Rule reads one; fault.NotFound where there is none, or it isn't this owner's.
func (s *Store) Rule(ctx context.Context, owner ledger.OwnerID, id alert.RuleID) (alert.Kept, error) {
	r, err := s.rule(ctx, s.db, owner, id)
	return r, s.explain("read rule", err)
}

// changesRules runs a change of an owner's rules: nobody else changes them meanwhile, whoever evaluates them finds that something
// changed, and the prices that they need more or less of are counted.
func (s *Store) changesRules(ctx context.Context, owner ledger.OwnerID, w Write, change func(q queries, key *seal.Key) (wants map[market.InstrumentID]int, err error)) error {
	return s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
			return err
		}
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		if err := rulesChanged(ctx, q, owner); err != nil {
			return err
		}
		wants, err := change(q, key)
		if err != nil {
			return err
		}
		if err := countInterest(ctx, q, wants); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
}

// rulesChanged has whoever evaluates an owner's rules read them again. The owner is held.
func rulesChanged(ctx context.Context, q queries, owner ledger.OwnerID) error {
	var sequence int64
	if err := q.one(ctx, sqlBumpPartition, []any{engine.PartitionOf(owner)}, &sequence); err != nil {
		return err
	}
	_, err := q.exec(ctx, sqlPutAlertOwner, string(owner), engine.PartitionOf(owner), sequence)
	return err
}

// wants are the changes of the counts of who wants which price, when a rule takes the place of another; either may be nil.
func wants(before, after *alert.Rule) map[market.InstrumentID]int {
	deltas := make(map[market.InstrumentID]int)
	if before != nil {
		for _, id := range before.Condition.Wants() {
			deltas[id]--
		}
	}
	if after != nil {
		for _, id := range after.Condition.Wants() {
			deltas[id]++
		}
	}
	return deltas
}

// quotesReached is how far the journal of quotes is: what comes later is a new rule's to see.
func quotesReached(ctx context.Context, q queries) (sequence int64, err error) {
	err = q.one(ctx, sqlCounter, []any{counterQuotes}, &sequence)
	return sequence, err
}

// CreateRule keeps a new rule at version 1, which nothing has happened to yet. One more than alert.RulesMax gives fault.TooLarge.
func (s *Store) CreateRule(ctx context.Context, r alert.Rule, w Write) error {
	err := s.changesRules(ctx, r.Owner, w, func(q queries, key *seal.Key) (map[market.InstrumentID]int, error) {
		var count int
		if err := q.one(ctx, sqlCountRules, []any{string(r.Owner)}, &count); err != nil {
			return nil, err
		}
		if count >= alert.RulesMax {
			return nil, fault.New(fault.TooLarge, "One person has at most %d rules. Delete one first.", alert.RulesMax)
		}
		through, err := quotesReached(ctx, q)
		if err != nil {
			return nil, err
		}
		standing := alert.Begin(r.CreatedAt, through)
		if _, err := q.exec(ctx, sqlNewRule, string(r.Owner), string(r.ID), sealRule(key, &r), sealStanding(key, r.ID, &standing), stamp(r.CreatedAt)); err != nil {
			return nil, s.taken(err, "this rule exists already")
		}
		return wants(nil, &r), nil
	})
	return s.explain("create rule", err)
}

// ReplaceRule changes a rule that is still at the version it was made from, and gives it as it is then; fault.Stale where it isn't. How
// it stood is kept as Rule.Resume says, or forgotten where it is to begin anew.
func (s *Store) ReplaceRule(ctx context.Context, r alert.Rule, anew bool, w Write) (kept alert.Kept, err error) {
	err = s.changesRules(ctx, r.Owner, w, func(q queries, key *seal.Key) (map[market.InstrumentID]int, error) {
		stored, err := s.rule(ctx, q, r.Owner, r.ID)
		if err != nil {
			return nil, err
		}
		if stored.Rule.Version != r.Version {
			return nil, fault.New(fault.Stale, "This rule was changed meanwhile. Look at it again.")
		}
		if _, err := q.exec(ctx, sqlSetRule, string(r.Owner), string(r.ID), sealRule(key, &r)); err != nil {
			return nil, err
		}
		kept = stored
		kept.Rule = r
		kept.Rule.Version++
		if err := s.resume(ctx, q, key, &kept, &stored.Rule, anew); err != nil {
			return nil, err
		}
		return wants(&stored.Rule, &r), nil
	})
	return kept, s.explain("replace rule", err)
}

// resume gives a rule that was changed its standing; where that is the one it had, nothing is written, so that whoever settles it at this
// moment isn't in vain.
func (s *Store) resume(ctx context.Context, q queries, key *seal.Key, kept *alert.Kept, before *alert.Rule, anew bool) error {
	through, err := quotesReached(ctx, q)
	if err != nil {
		return err
	}
	resumed := kept.Rule.Resume(before, kept.Standing, s.now(), through)
	if anew {
		resumed = alert.Begin(s.now(), through)
	}
	if resumed == kept.Standing {
		return nil
	}
	kept.Standing = resumed
	kept.StandingVersion++
	_, err = q.exec(ctx, sqlSetStanding, string(kept.Rule.Owner), string(kept.Rule.ID), sealStanding(key, kept.Rule.ID, &resumed))
	return err
}

// DeleteRule deletes a rule; fault.NotFound where there is none.
func (s *Store) DeleteRule(ctx context.Context, owner ledger.OwnerID, id alert.RuleID, w Write) error {
	err := s.changesRules(ctx, owner, w, func(q queries, _ *seal.Key) (map[market.InstrumentID]int, error) {
		stored, err := s.rule(ctx, q, owner, id)
		if err != nil {
			return nil, err
		}
		for _, text := range [...]string{sqlDropRule, sqlDropOccurrences} {
			if _, err := q.exec(ctx, text, string(owner), string(id)); err != nil {
				return nil, err
			}
		}
		return wants(&stored.Rule, nil), nil
	})
	return s.explain("delete rule", err)
}

// uncountRules takes the prices that an owner's rules need out of the counts.
func (s *Store) uncountRules(ctx context.Context, q queries, owner ledger.OwnerID) error {
	all, err := s.rules(ctx, q, sqlRules, owner)
	if err != nil {
		return err
	}
	deltas := make(map[market.InstrumentID]int)
	for i := range all {
		for id, delta := range wants(&all[i].Rule, nil) {
			deltas[id] += delta
		}
	}
	return countInterest(ctx, q, deltas)
}

// eachRuleInterest goes through the prices that all rules need, a page at a time.
func (s *Store) eachRuleInterest(ctx context.Context, q queries, see func(map[market.InstrumentID]int)) error {
	const page = 500 // rules; some 300 KiB
	owner, id := "", ""
	for {
		n := 0
		err := q.each(ctx, sqlSweepRuleInterests, []any{owner, id, page}, func(row scanner) error {
			var r storedRule
			var wrapped []byte
			var version int
			if err := row.Scan(slices.Concat([]any{&owner}, r.fields(), []any{&version, &wrapped})...); err != nil {
				return err
			}
			n++
			r.Rule.Owner, id = ledger.OwnerID(owner), string(r.Rule.ID)
			key, err := s.openKey(ctx, r.Rule.Owner, version, wrapped)
			if err != nil {
				return err
			}
			kept, err := r.open(key)
			if err != nil {
				return err
			}
			see(wants(nil, &kept.Rule))
			return nil
		})
		if err != nil || n < page {
			return err
		}
	}
}
