package identity

import (
	"context"
	"fmt"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// peopleStore is what looking after people wants of the store.
type peopleStore interface {
	ChangeUser(ctx context.Context, owner ledger.OwnerID, change ChangeUser, writes []audit.Write) (User, error)
	EraseUser(ctx context.Context, owner ledger.OwnerID, write audit.Write) error
	SignOutUser(ctx context.Context, owner ledger.OwnerID, write audit.Write) error
}

// ChangeUser is what an administrator gives somebody; what is empty stays.
type ChangeUser struct {
	Role   Role
	Status Status // Active or Suspended
}

// ChangeUser changes somebody's role or status, as an administrator does: whoever is suspended is signed out everywhere and their API
// tokens end. It gives fault.NotFound where there is nobody of this id, and fault.Conflict for the administrator themselves, for the
// last one who is active, and for activating somebody who has not accepted their invitation.
func (s *Service) ChangeUser(ctx context.Context, actor, owner ledger.OwnerID, change ChangeUser, from Request) (User, error) {
	if actor == owner {
		return User{}, fault.New(fault.Conflict, "You can't change your own role or suspend yourself. Ask another administrator.")
	}
	return s.changeUser(ctx, actor, owner, change, from)
}

// ChangeUserOf is ChangeUser for an operator.
func (s *Service) ChangeUserOf(ctx context.Context, email string, change ChangeUser) (User, error) {
	user, err := s.byEmail(ctx, email)
	if err != nil {
		return User{}, err
	}
	return s.changeUser(ctx, "", user.ID, change, Request{})
}

func (s *Service) changeUser(ctx context.Context, actor, owner ledger.OwnerID, change ChangeUser, from Request) (User, error) {
	switch {
	case change == ChangeUser{}:
		return User{}, fault.New(fault.Invalid, "Give a role or a status.")
	case change.Role != "" && !ValidRole(change.Role):
		return User{}, errRole()
	case change.Status != "" && change.Status != Active && change.Status != Suspended:
		return User{}, fault.At("status", "The status is one of active and suspended.")
	}
	user, err := s.store.User(ctx, owner)
	if err != nil {
		return User{}, noUserOr(err)
	}
	if change.Status == Active && user.Status == Invited {
		return User{}, fault.New(fault.Conflict, "They have not accepted their invitation yet.")
	}
	var writes []audit.Write
	record := func(action audit.Action) {
		entry := audit.Entry{Actor: actor, Owner: owner, Action: action, Object: string(owner), RequestID: from.ID, Result: "ok"}
		writes = append(writes, audit.Write{Audit: entry})
	}
	if change.Role != "" && change.Role != user.Role {
		record(audit.RoleChanged)
	}
	if change.Status != "" && change.Status != user.Status {
		record(map[Status]audit.Action{Active: audit.UserActivated, Suspended: audit.UserSuspended}[change.Status])
	}
	if len(writes) == 0 {
		return user, nil
	}
	user, err = s.store.ChangeUser(ctx, owner, change, writes)
	return user, noUserOr(err)
}

// SignOutUser ends every session of somebody, as an administrator does; what is theirs, and their API tokens, stay, and they may sign in
// again. It gives fault.NotFound where there is nobody of this id, and fault.Conflict for the administrator themselves.
func (s *Service) SignOutUser(ctx context.Context, actor, owner ledger.OwnerID, from Request) error {
	if actor == owner {
		return fault.New(fault.Conflict, "To sign yourself out elsewhere, go to Account and security.")
	}
	return s.signOutUser(ctx, actor, owner, from)
}

// SignOutUserOf is SignOutUser for an operator.
func (s *Service) SignOutUserOf(ctx context.Context, email string) error {
	user, err := s.byEmail(ctx, email)
	if err != nil {
		return err
	}
	return s.signOutUser(ctx, "", user.ID, Request{})
}

func (s *Service) signOutUser(ctx context.Context, actor, owner ledger.OwnerID, from Request) error {
	entry := audit.Entry{Actor: actor, Owner: owner, Action: audit.UserSignedOut, Object: string(owner), RequestID: from.ID, Result: "ok"}
	return noUserOr(s.store.SignOutUser(ctx, owner, audit.Write{Audit: entry}))
}

// EraseUser deletes somebody with all that is theirs, for good, as an administrator does. It gives fault.NotFound where there is nobody
// of this id, and fault.Conflict for the administrator themselves and for the last one who is active.
func (s *Service) EraseUser(ctx context.Context, actor, owner ledger.OwnerID, from Request) error {
	if actor == owner {
		return fault.New(fault.Conflict, "To delete your own account, go to Account and security.")
	}
	return s.eraseUser(ctx, actor, owner, from)
}

// EraseUserOf is EraseUser for an operator.
func (s *Service) EraseUserOf(ctx context.Context, email string) error {
	user, err := s.byEmail(ctx, email)
	if err != nil {
		return err
	}
	return s.eraseUser(ctx, "", user.ID, Request{})
}

// EraseSelf deletes whoever asks with all that is theirs, for good; fault.Conflict for the last active administrator.
func (s *Service) EraseSelf(ctx context.Context, session Session, from Request) error {
	return s.eraseUser(ctx, session.Owner, session.Owner, from)
}

func (s *Service) eraseUser(ctx context.Context, actor, owner ledger.OwnerID, from Request) error {
	entry := audit.Entry{Actor: actor, Owner: owner, Action: audit.UserErased, Object: string(owner), RequestID: from.ID, Result: "ok"}
	return noUserOr(s.store.EraseUser(ctx, owner, audit.Write{Audit: entry}))
}

// noUserOr puts the refusals of the store into sentences.
func noUserOr(err error) error {
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.NotFound):
		return fault.New(fault.NotFound, "There is no such user.")
	case fault.Is(err, fault.Conflict):
		return fault.New(fault.Conflict, "There has to be an active administrator, and this is the last one. Make somebody else an administrator first.")
	}
	return fmt.Errorf("look after user: %w", err)
}
