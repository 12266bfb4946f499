package health

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"folioscope/internal/fault"
)

// Bounds of what the machine has to offer.
const (
	diskFailingMin   = 256 << 20 // bytes: less than a WAL and a day's quotes
	diskWarningMin   = 1 << 30   // bytes
	diskWarningShare = 0.1       // of the disk, as on small ones the bytes come too late
	skewMax          = 2 * time.Second
	certificateSoon  = 14 * 24 * time.Hour
	certificateLate  = 3 * 24 * time.Hour
)

// Disk judges the room on the disk that holds the data. Free and size are bytes.
func Disk(free, size uint64) Found {
	c := Check{Name: "disk", State: OK, Says: fmt.Sprintf("%s of %s are free.", bytesText(free), bytesText(size))}
	switch {
	case free < diskFailingMin:
		c.State, c.Fix = Failing, "Make room now: a full disk stops every change. Remove what isn't Folioscope's, or move data_dir to a larger disk."
	case free < diskWarningMin && float64(free) < diskWarningShare*float64(size):
		c.State, c.Fix = Warning, "Make room, or move data_dir to a larger disk."
	}
	return found(c).with(MeasureDiskFree, float64(free)).with(MeasureDiskSize, float64(size))
}

func bytesText(n uint64) string {
	const kibi = 1024
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= kibi && len(units) > 1 {
		value, units = value/kibi, units[1:]
	}
	return fmt.Sprintf("%.4g %s", value, units[0])
}

// Certificate judges when the certificate of HTTPS ends. Renewed says that this is done by itself.
func Certificate(ends, now time.Time, renewed bool) Found {
	left := ends.Sub(now)
	c := Check{Name: "certificate", State: OK, Says: fmt.Sprintf("The certificate is good until %s.", ends.UTC().Format(time.DateOnly))}
	fix := "Get a new certificate and put its files in the place of tls.cert and tls.key; no restart is needed."
	if renewed {
		fix = "It should have been renewed by itself: port 443 of tls.domain has to be reachable from the internet; the node's log says more."
	}
	switch {
	case left <= 0:
		c.State, c.Says, c.Fix = Failing, fmt.Sprintf("The certificate ended on %s: browsers refuse this server.", ends.UTC().Format(time.DateOnly)), fix
	case left < certificateLate:
		c.State, c.Says, c.Fix = Failing, fmt.Sprintf("The certificate ends in %s.", span(left)), fix
	case left < certificateSoon:
		c.State, c.Says, c.Fix = Warning, fmt.Sprintf("The certificate ends in %s.", span(left)), fix
	}
	return found(c).with(MeasureCertificateEnds, float64(ends.Unix()))
}

// NoCertificate is where HTTPS isn't this process's work.
func NoCertificate() Found {
	return found(Check{Name: "certificate", State: Unknown, Says: "HTTPS is served by whatever stands before this node, or not at all."})
}

// Address judges whether a node could listen there; err is what trying gave. Running says that a node of this data directory runs.
func Address(listen string, err error, running bool) Found {
	c := Check{Name: "address", State: Failing}
	switch {
	case err == nil:
		c.State, c.Says = OK, fmt.Sprintf("Nothing listens on %s, so that a node can.", listen)
	case running && errors.Is(err, syscall.EADDRINUSE):
		c.State, c.Says = OK, fmt.Sprintf("The node that runs listens on %s.", listen)
	case errors.Is(err, syscall.EADDRINUSE):
		c.Says, c.Fix = fmt.Sprintf("Another program listens on %s.", listen), "End it (ss -ltnp names it), or set another port in listen."
	case errors.Is(err, fs.ErrPermission):
		c.Says, c.Fix = fmt.Sprintf("This user may not listen on %s.", listen), "Set a port from 1024 on in listen, or give the service the capability CAP_NET_BIND_SERVICE."
	default:
		c.Says, c.Fix = fmt.Sprintf("This machine can't listen on %s.", listen), "Set an address of this machine in listen."
	}
	return found(c)
}

// CheckClock is the name of what Clocks finds.
const CheckClock = "clock"

// Clock is how far this machine's clock is ahead of another's.
type Clock struct {
	Against string // in words: "the database"
	Ahead   time.Duration
}

// Clocks judges this machine's clock against the others that are known.
func Clocks(others []Clock) Found {
	if len(others) == 0 {
		return found(Check{Name: CheckClock, State: Unknown, Says: "There is no other clock to compare this machine's with."})
	}
	f := Found{}
	c := Check{Name: CheckClock, State: OK, Says: "This machine's clock is right."}
	for _, o := range others {
		f.Measures = append(f.Measures, Measure{MeasureClockSkew, o.Against, o.Ahead.Seconds()})
		if o.Ahead.Abs() <= skewMax {
			continue
		}
		way := "ahead of"
		if o.Ahead < 0 {
			way = "behind"
		}
		c = Check{Name: CheckClock, State: Failing, Says: fmt.Sprintf("This machine's clock is %.1f seconds %s that of %s.", o.Ahead.Abs().Seconds(), way, o.Against),
			Fix: "Let the machine keep time with NTP (timedatectl set-ntp true): leases, sign-ins and prices go by the clock. Until it is right beside the database's, the node leaves alert rules, polls and the audit log to others."}
	}
	f.Checks = []Check{c}
	return f
}

// Backup judges the newest backup by when it was made; zero: none was.
func Backup(made, now time.Time, ageMax time.Duration) Found {
	c := Check{Name: "backup", State: OK}
	fix := "Look at the log of whatever makes backups; it has to change health.backup_file when one is done."
	if made.IsZero() {
		c.State, c.Says, c.Fix = Failing, "No backup was made yet.", fix
		return found(c)
	}
	age := max(now.Sub(made), 0)
	c.Says = fmt.Sprintf("The newest backup is %s old.", span(age))
	if age > ageMax {
		c.State, c.Says, c.Fix = Failing, fmt.Sprintf("The newest backup is %s old, and may be %s.", span(age), span(ageMax)), fix
	}
	return found(c).with(MeasureBackupAge, age.Seconds())
}

// NoBackup is where nobody said how to tell a backup.
func NoBackup() Found {
	return found(Check{Name: "backup", State: Unknown, Says: "Backups aren't watched on this node.",
		Fix: "Copy database, keyring and, apart from them, the key-encryption key by your own means, and name a file that this changes in health.backup_file."})
}

// Configuration says whether the settings can be used; err is what reading them gave.
func Configuration(err error) Found {
	if err == nil {
		return found(Check{Name: "configuration", State: OK, Says: "The settings can be used."})
	}
	known, ok := errors.AsType[*fault.Error](err)
	if !ok || len(known.Places) == 0 {
		return found(Check{Name: "configuration", State: Failing, Says: "The settings can't be used: " + reason(err) + ".", Fix: "Correct the file or the environment variable that it names."})
	}
	var f Found
	for _, place := range known.Places {
		f.Checks = append(f.Checks, Check{Name: "configuration", State: Failing, Says: place.Location + ": " + place.Message + ".", Fix: "Correct " + place.Location + " in the file of settings, the environment or the flags."})
	}
	return f
}
