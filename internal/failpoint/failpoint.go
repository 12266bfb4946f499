// Package failpoint names the places of the program at which tests have a node die.
//
// It owns their list and the one function that they call, which is nothing in what is shipped: only a build with -tags failpoints has code for it.
// There the environment's FAILPOINT=POINT, or POINT=COUNT, ends the process where it comes to that place for the first time, or that often.
package failpoint

// Point is a place in the program, named by what is about to happen there or has just happened.
type Point string

// The places are around each moment from which on something is there, or somebody knows.
const (
	BeforeCommit     Point = "sqlstore.before-commit" // of any transaction that changes something
	AfterCommit      Point = "sqlstore.after-commit"
	BeforeAppend     Point = "journal.before-append"
	BeforeHint       Point = "journal.before-hint"
	AfterHint        Point = "journal.after-hint"
	BeforeAnswer     Point = "httpapi.before-answer" // of a request with a key: all is done, and nothing of it was sent
	BeforeAccept     Point = "ingest.before-accept"
	BeforeQuotesHint Point = "ingest.before-hint"
	BeforeExtend     Point = "audit.before-extend"
	AfterExtend      Point = "audit.after-extend"
	BeforeSettle     Point = "engine.before-settle"
	AfterSettle      Point = "engine.after-settle"
	AfterWork        Point = "jobs.after-work" // what a job does is done, and the queue doesn't know
	WhileDraining    Point = "app.while-draining"
)

// All are the places in the order that a change comes to them.
func All() []Point {
	return []Point{
		BeforeAppend, BeforeCommit, AfterCommit, BeforeHint, AfterHint, BeforeAnswer, BeforeExtend, AfterExtend,
		BeforeAccept, BeforeQuotesHint, BeforeSettle, AfterSettle, AfterWork, WhileDraining,
	}
}
