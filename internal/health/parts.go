package health

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"folioscope/internal/jobs"
	"folioscope/internal/notify"
)

// Bounds of a database, a queue and the audit log that keep up.
const (
	answerSlow       = 500 * time.Millisecond // for the shortest question
	logBytesMax      = 256 << 20              // of SQLite's WAL, which is cut back to 64 MiB after each checkpoint
	connectionsShare = 0.8                    // of what the server allows
	jobLateWarning   = 2 * time.Minute        // beyond when it was due
	jobLateFailing   = 10 * time.Minute
	auditLagWarning  = 10 * time.Second // a row is signed within a second
	auditLagFailing  = time.Minute
)

// DatabaseFacts are how a database is. What doesn't apply is zero.
type DatabaseFacts struct {
	Server         bool // PostgreSQL, else a file
	Answer         time.Duration
	Bytes          int64
	LogBytes       int64 // of SQLite's write-ahead log
	Unkept         bool  // SQLite's disk failed to keep a change
	Connections    int64
	ConnectionsMax int64
	Clock          time.Time // by the server

	Hosts       int    // that the settings name; what follows is of several
	Primary     string // the address of the one that takes writes
	Synchronous int    // standbys that have what is acknowledged
	Waits       bool   // a commit waits for them
	Seen        bool   // we may see which standbys there are
}

// standby says how safe what is saved is where there are several servers, and what is wrong with that.
func (d *DatabaseFacts) standby() (says, fix string, ok bool) {
	switch {
	case d.Hosts < 2:
		return "", "", true
	case !d.Waits:
		return " A commit doesn't wait for a standby: what was saved last may be lost with the primary.", "Set synchronous_commit = on for the database and for the role of the nodes.", false
	case !d.Seen:
		return " This role may not see whether a standby follows: GRANT pg_read_all_stats to it.", "", true
	case d.Synchronous == 0:
		return " There is no synchronous standby: what was saved last may be lost with the primary.",
			"Look whether a standby runs and follows, and set synchronous_standby_names on the server (with Patroni: synchronous_mode: true).", false
	}
	return " A synchronous standby follows.", "", true
}

// Database judges how it answers and what room it has.
func Database(d DatabaseFacts) Found {
	c := Check{Name: "database", State: OK, Says: fmt.Sprintf("The database answers in %d ms and has %s.", d.Answer.Milliseconds(), bytesText(uint64(max(d.Bytes, 0))))}
	var f Found
	if d.Server {
		f = f.with(MeasureConnections, float64(d.Connections)).with(MeasureConnectionsMax, float64(d.ConnectionsMax))
	} else {
		f = f.with(MeasureDatabaseLog, float64(d.LogBytes))
	}
	switch {
	case d.Unkept:
		c.State, c.Says = Failing, "The disk failed to keep a change, so that all changes are refused."
		c.Fix = "Look at the disk that holds data_dir, and at the kernel's log; move the data to another one if it fails, then start the node again."
	case d.Answer > answerSlow:
		c.State, c.Says = Warning, fmt.Sprintf("The database took %d ms for the shortest question.", d.Answer.Milliseconds())
		c.Fix = "Look at the load of its machine and at the speed of its disk."
	case d.Server && float64(d.Connections) > connectionsShare*float64(d.ConnectionsMax):
		c.State, c.Says = Warning, fmt.Sprintf("%d of the database's %d connections are in use.", d.Connections, d.ConnectionsMax)
		c.Fix = "Raise max_connections of the server, or lower pool_max_conns in database.url; all nodes' pools have to fit."
	case d.LogBytes > logBytesMax:
		c.State, c.Says = Warning, fmt.Sprintf("The database's write-ahead log has %s and isn't cut back.", bytesText(uint64(d.LogBytes)))
		c.Fix = "Another program holds the database open for reading: end it, such as an export that never finished."
	}
	if d.Primary != "" {
		c.Says += " The primary is " + d.Primary + "."
	}
	says, fix, ok := d.standby()
	c.Says += says
	if !ok && c.State == OK {
		c.State, c.Fix = Warning, fix
	}
	f.Checks = []Check{c}
	return f.with(MeasureDatabaseAnswer, d.Answer.Seconds()).with(MeasureDatabaseSize, float64(d.Bytes))
}

// Keys judges what protects the data, once the key-encryption key has opened the keyring.
func Keys(rotating, environment bool) Found {
	c := Check{Name: "keys", State: OK, Says: "The key-encryption key opens the keyring."}
	value := 0.0
	switch {
	case rotating:
		value = 1
		c.State, c.Says, c.Fix = Warning, "A rotation of keys was begun and isn't finished.", "If none is running now, go on with it: folioscope keys rotate."
	case environment:
		c.State, c.Says = Warning, "The key-encryption key comes from the environment, which other programs of this user can read."
		c.Fix = "Put it into a file that only this user reads, a systemd credential or a key service, and name that in keys.kek."
	}
	return found(c).with(MeasureRotation, value)
}

// Bus judges whether hints flow. Without them everything is right, only later.
func Bus(connected bool) Found {
	if connected {
		return found(Check{Name: "bus", State: OK, Says: "Hints flow between nodes."}).with(MeasureBus, 1)
	}
	return found(Check{Name: "bus", State: Warning, Says: "The bus doesn't answer: changes show after half a minute instead of at once.",
		Fix: "Look whether the servers of nats.urls run and can be reached from here, and whether nats.tls fits."}).with(MeasureBus, 0)
}

// BusInside is the bus of a node that was asked by another process.
func BusInside() Found {
	return found(Check{Name: "bus", State: OK, Says: "The bus is inside the node."})
}

// Jobs judges the queue.
func Jobs(all []jobs.Count) Found {
	c := Check{Name: "jobs", State: OK, Says: "Work is done as it comes."}
	var f Found
	var late jobs.Count
	dead := map[string]int64{}
	for _, n := range all {
		f.Measures = append(f.Measures, Measure{MeasureJobsWaiting, n.Kind, float64(n.Waiting)}, Measure{MeasureJobsRunning, n.Kind, float64(n.Running)}, Measure{MeasureJobsDead, n.Kind, float64(n.Dead)})
		if n.Late > late.Late {
			late = n
		}
		if n.Dead > 0 {
			dead[n.Kind] = n.Dead
		}
	}
	switch {
	case late.Late > jobLateWarning:
		c.State, c.Says = Warning, fmt.Sprintf("Jobs wait: the oldest, %s, was due %s ago.", late.Kind, span(late.Late))
		if late.Late > jobLateFailing {
			c.State = Failing
		}
		c.Fix = "Look whether a node with the role ingest runs, and what its log says of that job."
	case len(dead) > 0:
		var kinds []string
		for kind, n := range dead {
			kinds = append(kinds, fmt.Sprintf("%s (%d)", kind, n))
		}
		slices.Sort(kinds)
		c.State, c.Says = Warning, "Jobs were given up within the last day: "+strings.Join(kinds, ", ")+"."
		c.Fix = "The log of the node says why, under \"job failed\". Periodic ones run again by themselves."
	}
	f.Checks = []Check{c}
	return f.with(MeasureJobsOldest, late.Late.Seconds())
}

// Mail judges whether mail gets through. On says whether there is a mail server in the settings.
func Mail(o notify.Overview, on bool) Found {
	c := Check{Name: "mail", State: OK, Says: "Mail gets through."}
	switch {
	case !on && o.Waiting == 0:
		c.State, c.Says, c.Fix = Unknown, "This server sends no mail.", "Set smtp.host and what belongs to it to have invitations and warnings sent."
	case !on:
		c.State, c.Says, c.Fix = Warning, count(o.Waiting, "mail waits", "mails wait")+", and there is no mail server in the settings.", "Set smtp.host again; what waits is sent within its day."
	default:
		for _, d := range o.Troubled {
			if d.State == notify.Waiting && d.Outcome != notify.OutcomeBusy {
				c.State, c.Says, c.Fix = Failing, count(o.Waiting, "mail waits", "mails wait")+" because of the mail server.", d.Outcome.Sentence()
				break
			}
		}
	}
	return found(c).with(MeasureMailWaiting, float64(o.Waiting))
}

// Audit judges how far the signing of audit rows is behind. Running says whether a node is there to sign.
func Audit(waiting int64, lag time.Duration, running bool) Found {
	c := Check{Name: "audit log", State: OK, Says: "Every change is signed."}
	switch {
	case waiting > 0 && !running:
		c.Says = count(int(waiting), "row waits", "rows wait") + " for a running node to sign."
	case lag > auditLagWarning:
		c.State, c.Says = Warning, fmt.Sprintf("The oldest of %s has been waiting for %s to be signed.", count(int(waiting), "row", "rows"), span(lag))
		if lag > auditLagFailing {
			c.State = Failing
		}
		c.Fix = "Run folioscope audit verify: nothing is signed any more once the log was tampered with. Else the node's log says why."
	}
	return found(c).with(MeasureAuditWaiting, float64(waiting)).with(MeasureAuditLag, lag.Seconds())
}

// AuditCopy is a copy of checkpoints that is written.
func AuditCopy() Found {
	return found(Check{Name: "audit copy", State: OK, Says: "Checkpoints of the audit log are copied to their file."})
}

// File is an embedded database's file that was looked through.
func File() Found {
	return found(Check{Name: "database file", State: OK, Says: "The database's file is whole."})
}

// LargeFile is one that takes too long to look through.
func LargeFile() Found {
	return found(Check{Name: "database file", State: Unknown, Says: "The database's file is too large to be looked through here."})
}
