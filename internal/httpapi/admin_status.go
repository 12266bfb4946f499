package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/cluster"
	"folioscope/internal/fault"
	"folioscope/internal/health"
)

// Watch knows how the installation is; *health.Watch is one.
type Watch interface {
	Status(ctx context.Context) (health.Status, error)
	Quiet(ctx context.Context, node, name string, until time.Time, write audit.Write) error
}

// SystemStatus is how the installation is, for administrators.
type SystemStatus struct {
	State  string        `json:"state" enum:"ok,warning,failing" doc:"The worst of all checks; what is unknown is no trouble"`
	Checks []SystemCheck `json:"checks" nullable:"false" doc:"The worst first"`
	Nodes  []SystemNode  `json:"nodes" nullable:"false"`
	Jobs   []JobCount    `json:"jobs" nullable:"false"`
	Books  []SystemBook  `json:"books" nullable:"false" doc:"Counts of portfolios by node; what anybody's is worth is in none"`
}

// SystemCheck is what came of a look at one thing.
type SystemCheck struct {
	Name       string     `json:"name"`
	Node       *string    `json:"node" doc:"The node that found it; null where it is everybody's"`
	State      string     `json:"state" enum:"ok,unknown,warning,failing"`
	Says       string     `json:"says"`
	Fix        *string    `json:"fix"`
	Since      *time.Time `json:"since" doc:"When it got as bad as it is"`
	Told       bool       `json:"told" doc:"Administrators were told"`
	QuietUntil *time.Time `json:"quiet_until" doc:"Administrators aren't told before"`
}

// SystemNode is one process of the service.
type SystemNode struct {
	Name              string     `json:"name"`
	At                *time.Time `json:"at" doc:"When it looked last; null: it has just begun"`
	Version           string     `json:"version"`
	Roles             []string   `json:"roles" nullable:"false"`
	There             bool       `json:"there" doc:"It said so within the last seconds"`
	StartedAt         *time.Time `json:"started_at" doc:"Null where it isn't there, as what follows"`
	ClockAheadSeconds *float64   `json:"clock_ahead_seconds" doc:"Of the database's clock; beyond 2 either way it owns nothing"`
	Partitions        *int       `json:"partitions" doc:"How many of the 64 parts of all alert rules it looks after"`
}

// JobCount is how much of one kind of work there is.
type JobCount struct {
	Kind        string `json:"kind"`
	Waiting     int64  `json:"waiting"`
	Running     int64  `json:"running"`
	Dead        int64  `json:"dead" doc:"Given up within the last day"`
	LateSeconds int64  `json:"late_seconds" doc:"For how long the oldest has been due"`
}

type quietTroubleInput struct {
	Body struct {
		Node  *string    `json:"node" maxLength:"100"`
		Name  string     `json:"name" minLength:"1" maxLength:"200"`
		Until *time.Time `json:"until" doc:"At most 30 days from now; null: administrators are told again"`
	}
}

func (s *Server) addStatusRoutes() {
	const tag = "Administration"
	typed(s, route{method: "GET", path: "/api/v1/admin/status", class: classRead, action: access.ReadStatus, tag: tag, summary: "How the installation is, with what mends it"}, http.StatusOK, s.systemStatus)
	typed(s, route{method: "PUT", path: "/api/v1/admin/status/quiet", class: classChange, action: access.QuietTrouble, tag: tag, summary: "Don't tell administrators of a trouble for a while"}, http.StatusOK, s.quietTrouble)
}

func (s *Server) watch() (Watch, error) {
	if s.options.Watch == nil {
		return nil, fault.New(fault.Unavailable, "This node doesn't know how the installation is.")
	}
	return s.options.Watch, nil
}

func (s *Server) systemStatus(ctx context.Context, _ *none) (*answer[SystemStatus], error) {
	watch, err := s.watch()
	if err != nil {
		return nil, err
	}
	status, err := watch.Status(ctx)
	if err != nil {
		return nil, err
	}
	there, err := s.options.Store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	return &answer[SystemStatus]{systemStatusOf(status, there)}, nil
}

func systemStatusOf(status health.Status, there []cluster.Node) SystemStatus {
	out := SystemStatus{State: string(status.State), Checks: make([]SystemCheck, 0, len(status.Checks)), Jobs: make([]JobCount, 0, len(status.Jobs))}
	for _, c := range status.Checks {
		check := SystemCheck{Name: c.Name, Node: given(c.Node), State: string(c.State), Says: c.Says, Fix: given(c.Fix)}
		if t := c.Trouble; t != nil {
			check.Since, check.Told, check.QuietUntil = moment(t.Since), t.Told != "", moment(t.QuietUntil)
		}
		out.Checks = append(out.Checks, check)
	}
	out.Nodes = systemNodesOf(status.Nodes, there)
	out.Books = systemBooksOf(status.Nodes)
	for _, j := range status.Jobs {
		out.Jobs = append(out.Jobs, JobCount{Kind: j.Kind, Waiting: j.Waiting, Running: j.Running, Dead: j.Dead, LateSeconds: int64(j.Late / time.Second)})
	}
	return out
}

// systemNodesOf are the nodes by name: those that are there, and those that looked of late and aren't.
func systemNodesOf(looked []health.Report, there []cluster.Node) []SystemNode {
	out := make([]SystemNode, 0, max(len(looked), len(there)))
	for i := range there {
		n := &there[i]
		ahead := n.Ahead.Seconds()
		out = append(out, SystemNode{
			Name: n.Name, Version: n.Version, Roles: append([]string{}, n.Roles...), There: true, StartedAt: moment(n.StartedAt), ClockAheadSeconds: &ahead, Partitions: &n.Partitions,
		})
	}
	for _, r := range looked {
		at := slices.IndexFunc(out, func(n SystemNode) bool { return n.Name == r.Node })
		if at < 0 {
			at = len(out)
			out = append(out, SystemNode{Name: r.Node, Version: r.Version, Roles: append([]string{}, r.Roles...)})
		}
		out[at].At = moment(r.At)
	}
	slices.SortFunc(out, func(a, b SystemNode) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (s *Server) quietTrouble(ctx context.Context, in *quietTroubleInput) (*answer[SystemStatus], error) {
	watch, err := s.watch()
	if err != nil {
		return nil, err
	}
	var node string
	if in.Body.Node != nil {
		node = *in.Body.Node
	}
	var until time.Time
	if in.Body.Until != nil {
		until = *in.Body.Until
	}
	entry := callOf(ctx).entry(audit.TroubleQuieted, in.Body.Name)
	entry.Owner = "" // a trouble is nobody's
	if err := watch.Quiet(ctx, node, in.Body.Name, until, audit.Write{Audit: entry}); err != nil {
		return nil, err
	}
	return s.systemStatus(ctx, nil)
}
