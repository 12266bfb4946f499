package identity

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// How long things hold.
const (
	SessionIdleMax    = 24 * time.Hour      // without use; an open stream counts as use
	SessionAgeMax     = 30 * 24 * time.Hour // however much it is used
	InvitationAgeMax  = 7 * 24 * time.Hour
	sessionSeenEvery  = time.Minute // last use is kept to the minute
	invitationPathMax = tokenBytesMax
)

// Store is what identity wants of the store. Every change carries its audit row.
type Store interface {
	standingStore
	linkStore
	mailedLinkStore
	breachStore
	publicLinkStore
	CreateUser(ctx context.Context, user User, write audit.Write) error
	User(ctx context.Context, owner ledger.OwnerID) (User, error)
	UserByEmail(ctx context.Context, email string) (User, error)
	Users(ctx context.Context, cursor string, limit int) (users []User, next string, err error)
	CreateInvitation(ctx context.Context, user User, invitation Invitation, write audit.Write) error
	// InvitedUser is whom an invitation makes a user; fault.NotFound where it doesn't work any more.
	InvitedUser(ctx context.Context, hash TokenHash, now time.Time) (User, error)
	AcceptInvitation(ctx context.Context, hash TokenHash, name, passwordHash string, now time.Time, write audit.Write) (User, error)
	OpenSession(ctx context.Context, session Session, code *Spend, device *Device, write audit.Write) error
	Sessions(ctx context.Context, owner ledger.OwnerID) ([]Session, error)
	StepSession(ctx context.Context, old TokenHash, session Session, code *Spend, write audit.Write) error
	DeleteOtherSessions(ctx context.Context, owner ledger.OwnerID, keep TokenHash, write audit.Write) error
	ChangePassword(ctx context.Context, owner ledger.OwnerID, change ChangePassword, write audit.Write) error
	SecondFactor(ctx context.Context, owner ledger.OwnerID) (SecondFactor, error)
	PendSecondFactor(ctx context.Context, owner ledger.OwnerID, seed []byte, write audit.Write) error
	ConfirmSecondFactor(ctx context.Context, owner ledger.OwnerID, confirm ConfirmFactor, write audit.Write) error
	ReplaceRecoveryCodes(ctx context.Context, owner ledger.OwnerID, hashes []TokenHash, write audit.Write) error
	// DeleteSecondFactor gives fault.Conflict where a second factor has to be left and none would be.
	DeleteSecondFactor(ctx context.Context, owner ledger.OwnerID, required bool, keep TokenHash, write audit.Write) error
	DeleteFactors(ctx context.Context, owner ledger.OwnerID, write audit.Write) error
	passkeyStore
	CreateToken(ctx context.Context, token Token, write audit.Write) error
	Tokens(ctx context.Context, owner ledger.OwnerID) ([]Token, error)
	TokenSession(ctx context.Context, owner ledger.OwnerID, hash TokenHash) (Session, error)
	TouchToken(ctx context.Context, owner ledger.OwnerID, hash TokenHash, seen time.Time) error
	DeleteToken(ctx context.Context, owner ledger.OwnerID, hash TokenHash, write audit.Write) error
	Sequence(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (int64, error)
	TakeAttempts(ctx context.Context, now time.Time, takes []Take) (wait time.Duration, err error)
	ReturnAttempts(ctx context.Context, takes []Take) error
	Session(ctx context.Context, owner ledger.OwnerID, hash TokenHash) (Session, error)
	SessionAndSequence(ctx context.Context, owner ledger.OwnerID, hash TokenHash, portfolio ledger.PortfolioID) (Session, int64, error)
	TouchSession(ctx context.Context, owner ledger.OwnerID, hash TokenHash, seen time.Time) error
	DeleteSession(ctx context.Context, owner ledger.OwnerID, hash TokenHash, write audit.Write) error
	RecordAudit(ctx context.Context, entry audit.Entry) error
	RecordRefusal(ctx context.Context, write audit.Write) error
	peopleStore
}

// Options are what a Service is made of; none may be missing but where it says so.
type Options struct {
	Store  Store
	Hasher *Hasher
	Random io.Reader
	Now    func() time.Time
	Log    *slog.Logger

	Breached            *Breached       // what no password may be; nil: no list
	Mail                bool            // mail is sent: changes carry what people are told, and the store's jobs send it
	RequireSecondFactor []Role          // who must have one before anything else; may be empty
	SignInServices      []SignInService // in the order in which they are shown; may be empty
	RelyingParty        *RelyingParty   // nil: no passkeys
}

// Service signs people in and out and invites them. It is safe for concurrent use.
type Service struct {
	store     Store
	hasher    *Hasher
	random    io.Reader
	now       func() time.Time
	log       *slog.Logger
	required  []Role
	breached  *Breached
	mail      bool
	services  []SignInService
	party     *RelyingParty
	accounts  *throttle // of this node: whoever is over its bound doesn't reach the store, which counts for all nodes
	addresses *throttle

	recoveries chan askedRecovery // waiting for WorkOnRecoveries
}

// NewService makes a Service.
func NewService(o Options) *Service {
	return &Service{
		store: o.Store, hasher: o.Hasher, random: o.Random, now: o.Now, log: o.Log, required: o.RequireSecondFactor, party: o.RelyingParty, breached: o.Breached, mail: o.Mail, services: o.SignInServices,
		accounts:  newThrottle(accountFailuresMax, accountRefill, throttleKeysMax),
		addresses: newThrottle(addressFailuresMax, addressRefill, throttleKeysMax),

		recoveries: make(chan askedRecovery, recoveriesWaitingMax),
	}
}

// Request says where a call comes from.
type Request struct {
	ID      string // correlates audit and log
	Address string // of the client, as far as it is known; throttles, and is stored coarsely and sealed
	Agent   string // what the client says it is; stored coarsely and sealed
	Device  string // the secret that a browser is remembered by; empty: it has none
}

// SignedIn is a new session with the only copy of its token.
type SignedIn struct {
	User    User
	Session Session
	Token   string // the cookie's value
	Device  string // the value of the cookie that the browser is remembered by; empty where nobody signed in anew
}

// TooOften is the error of somebody who must wait.
type TooOften struct {
	Wait  time.Duration
	cause *fault.Error
}

// Error is a sentence that is safe to show.
func (e *TooOften) Error() string { return e.cause.Error() }

// Unwrap gives the fault.
func (e *TooOften) Unwrap() error { return e.cause }

func tooOften(wait time.Duration) error {
	return &TooOften{Wait: wait, cause: fault.New(fault.Limited, "Too many attempts. Try again later.")}
}

// errWrong is what a wrong e-mail, a wrong password and a suspended user look like: the same.
func errWrong() error {
	return fault.New(fault.Unauthenticated, "The e-mail address or the password is wrong.")
}

// SignIn checks a password, and a second factor where there is one, and opens a session. Unknown users, wrong passwords and
// suspended users get the same error in about the same time. With the right password alone, where more is needed, it gives NeedsCode.
func (s *Service) SignIn(ctx context.Context, email, password string, second Second, from Request) (SignedIn, error) {
	attempt, err := s.attempt(ctx, email, from)
	if err != nil {
		return SignedIn{}, err
	}
	user, right, err := s.check(ctx, email, password)
	if err != nil {
		s.forgive(ctx, attempt)
		return SignedIn{}, fmt.Errorf("check password: %w", err)
	}
	if !right {
		return SignedIn{}, s.refused(ctx, user.ID, audit.SignInFailed, from, errWrong())
	}
	s.forgive(ctx, attempt)
	proof, err := s.secondProof(ctx, user.ID, second, from)
	if err != nil {
		return SignedIn{}, err
	}
	signed, err := s.open(ctx, user, proof, from)
	if err != nil {
		return SignedIn{}, err
	}
	signed.User.BreachedAt = s.noteBreach(ctx, user, password, from)
	return signed, nil
}

// refused records a refusal and gives it.
func (s *Service) refused(ctx context.Context, owner ledger.OwnerID, action audit.Action, from Request, refusal error) error {
	if err := s.store.RecordAudit(ctx, refusalOf(owner, action, from, refusal)); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return refusal
}

func refusalOf(owner ledger.OwnerID, action audit.Action, from Request, refusal error) audit.Entry {
	return audit.Entry{Owner: owner, Action: action, RequestID: from.ID, Result: string(fault.KindOf(refusal)), Detail: from.Address}
}

// check looks a user up and compares the password. The user is empty where there is none.
func (s *Service) check(ctx context.Context, email, password string) (user User, right bool, err error) {
	if normal, err := NormalEmail(email); err == nil {
		user, err = s.store.UserByEmail(ctx, normal)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return User{}, false, err
		}
	}
	hash := user.PasswordHash
	if user.Status != Active {
		hash = ""
	}
	right, err = s.hasher.Verify(ctx, hash, password)
	return user, right, err
}

// open makes a session for a user who has proved to be that user.
func (s *Service) open(ctx context.Context, user User, proof proof, from Request) (SignedIn, error) {
	secret, hash, err := NewSecret(s.random)
	if err != nil {
		return SignedIn{}, err
	}
	remembered, err := deviceSecret(s.random, from.Device)
	if err != nil {
		return SignedIn{}, err
	}
	now := s.now()
	session := Session{
		Owner: user.ID, Hash: hash, Role: user.Role, SecondFactor: proof.code != nil, CreatedAt: now, SeenAt: now, SteppedAt: now, Origin: originOf(from),
		Service: proof.service, ServiceFactor: proof.vouched,
	}
	entry := audit.Entry{Actor: user.ID, Owner: user.ID, Session: audit.SessionName(hash), Action: audit.SignIn, Object: proof.how(), RequestID: from.ID, Result: "ok", Detail: from.Address}
	device := Device{Hash: deviceHash(user.ID, remembered), Notice: s.mailTo(user, audit.MailNewDevice, session.Origin.words())}
	if err := s.store.OpenSession(ctx, session, proof.code, &device, audit.Write{Audit: entry}); err != nil {
		return SignedIn{}, s.spent(ctx, user.ID, proof, from, fmt.Errorf("create session: %w", err))
	}
	s.forgive(ctx, proof.attempt)
	session.MustEnrol = s.mustEnrol(session)
	return SignedIn{User: user, Session: session, Token: OwnedToken(user.ID, secret), Device: remembered}, nil
}

// User is a user by id.
func (s *Service) User(ctx context.Context, owner ledger.OwnerID) (User, error) {
	user, err := s.store.User(ctx, owner)
	if err != nil {
		return User{}, fmt.Errorf("read user: %w", err)
	}
	return user, nil
}

// Users is a page of all users, for administrators. Who asked is recorded.
func (s *Service) Users(ctx context.Context, actor ledger.OwnerID, cursor string, limit int, from Request) ([]User, string, error) {
	entry := audit.Entry{Actor: actor, Action: audit.UsersListed, RequestID: from.ID, Result: "ok"}
	if err := s.store.RecordAudit(ctx, entry); err != nil {
		return nil, "", fmt.Errorf("record listing: %w", err)
	}
	users, next, err := s.store.Users(ctx, cursor, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list users: %w", err)
	}
	return users, next, nil
}

// NewUser is what a user is made from.
type NewUser struct {
	Email    string
	Name     string
	Role     Role
	Password string // empty for somebody who is invited
}

func (s *Service) newUser(n NewUser, status Status) (User, error) {
	email, err := NormalEmail(n.Email)
	if err != nil {
		return User{}, err
	}
	name, err := CleanName(n.Name)
	if err != nil {
		return User{}, err
	}
	if !ValidRole(n.Role) {
		return User{}, errRole()
	}
	id, err := NewID(s.random)
	if err != nil {
		return User{}, err
	}
	return User{ID: ledger.OwnerID(id), Email: email, Name: name, Role: n.Role, Status: status, CreatedAt: s.now()}, nil
}

func errRole() error { return fault.At("role", "The role is one of user, adviser, auditor and admin.") }

// ValidRole says whether a role is one of the four.
func ValidRole(role Role) bool {
	return role == RoleUser || role == RoleAdviser || role == RoleAuditor || role == RoleAdmin
}

// CreateUser makes a user who can sign in at once; for the command line. The operator vouches for the address. It gives fault.Conflict where the e-mail address is taken.
func (s *Service) CreateUser(ctx context.Context, n NewUser) (User, error) {
	user, err := s.newUser(n, Active)
	if err != nil {
		return User{}, err
	}
	if err := s.checkPassword(n.Password, user); err != nil {
		return User{}, err
	}
	if user.PasswordHash, err = s.hasher.Hash(ctx, n.Password); err != nil {
		return User{}, fmt.Errorf("hash password: %w", err)
	}
	user.ConfirmedAt = user.CreatedAt
	entry := audit.Entry{Owner: user.ID, Action: audit.UserCreated, Object: string(user.ID), Result: "ok"}
	if err := s.store.CreateUser(ctx, user, audit.Write{Audit: entry}); err != nil {
		return User{}, fmt.Errorf("create user: %w", err)
	}
	return user, nil
}

// IssuedInvitation is a new invitation with the only copy of its token.
type IssuedInvitation struct {
	User      User
	Token     string // goes into the link, after /invite/; empty where the link was mailed, and only the invited may know it
	ExpiresAt time.Time
}

// Invite makes a user who becomes active by accepting, once and within a week. Write turns the audit row and the result into what is
// stored, so that a repeated request gets the same link. It gives fault.Conflict where the e-mail address is taken.
func (s *Service) Invite(ctx context.Context, actor ledger.OwnerID, n NewUser, from Request, write func(audit.Entry, IssuedInvitation) (audit.Write, error)) (IssuedInvitation, error) {
	user, err := s.newUser(n, Invited)
	if err != nil {
		return IssuedInvitation{}, err
	}
	token, hash, err := NewSecret(s.random)
	if err != nil {
		return IssuedInvitation{}, err
	}
	invited := IssuedInvitation{User: user, Token: token, ExpiresAt: user.CreatedAt.Add(InvitationAgeMax)}
	mail := s.mailTo(user, audit.MailInvitation, "")
	if len(mail) > 0 {
		mail[0].Path, invited.Token = "/invite/"+token, ""
	}
	entry := audit.Entry{Actor: actor, Owner: user.ID, Action: audit.UserInvited, Object: string(user.ID), RequestID: from.ID, Result: "ok"}
	w, err := write(entry, invited)
	if err != nil {
		return IssuedInvitation{}, err
	}
	w.Mail = mail
	invitation := Invitation{User: user.ID, Hash: hash, CreatedAt: user.CreatedAt, ExpiresAt: invited.ExpiresAt, Mailed: len(mail) > 0}
	if err := s.store.CreateInvitation(ctx, user, invitation, w); err != nil {
		return IssuedInvitation{}, fmt.Errorf("create invitation: %w", err)
	}
	return invited, nil
}

// Accept makes an invited user active and signs them in. A token that is unknown, used or expired gives fault.NotFound.
// An empty name keeps the one of the invitation.
func (s *Service) Accept(ctx context.Context, token, name, password string, from Request) (SignedIn, error) {
	if name != "" {
		var err error
		if name, err = CleanName(name); err != nil {
			return SignedIn{}, err
		}
	}
	attempt, err := s.attempt(ctx, "", from)
	if err != nil {
		return SignedIn{}, err
	}
	if len(token) > invitationPathMax {
		return SignedIn{}, errInvitation()
	}
	invitation := HashOf(token)
	invited, err := s.store.InvitedUser(ctx, invitation, s.now())
	if fault.Is(err, fault.NotFound) {
		return SignedIn{}, errInvitation()
	}
	if err == nil {
		err = s.checkPassword(password, invited)
	}
	if err != nil {
		s.forgive(ctx, attempt)
		return SignedIn{}, err
	}
	passwordHash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		s.forgive(ctx, attempt)
		return SignedIn{}, fmt.Errorf("hash password: %w", err)
	}
	entry := audit.Entry{Action: audit.InvitationAccepted, RequestID: from.ID, Result: "ok"} // the store adds whom it finds
	user, err := s.store.AcceptInvitation(ctx, invitation, name, passwordHash, s.now(), audit.Write{Audit: entry})
	if fault.Is(err, fault.NotFound) {
		return SignedIn{}, errInvitation()
	}
	s.forgive(ctx, attempt)
	if err != nil {
		return SignedIn{}, fmt.Errorf("accept invitation: %w", err)
	}
	return s.open(ctx, user, proof{}, from)
}

func errInvitation() error {
	return fault.New(fault.NotFound, "This invitation is unknown, used already or older than %d days. Ask for a new one.", int(InvitationAgeMax.Hours())/24)
}
