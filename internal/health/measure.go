package health

// The measures that looks come by, by name of the family that shows them.
const (
	MeasureDiskFree        = "folioscope_health_disk_free_bytes"
	MeasureDiskSize        = "folioscope_health_disk_size_bytes"
	MeasureCertificateEnds = "folioscope_health_certificate_ends_seconds"
	MeasureClockSkew       = "folioscope_health_clock_skew_seconds"
	MeasureDatabaseAnswer  = "folioscope_health_database_answer_seconds"
	MeasureDatabaseSize    = "folioscope_health_database_size_bytes"
	MeasureDatabaseLog     = "folioscope_health_database_log_bytes"
	MeasureConnections     = "folioscope_health_database_connections"
	MeasureConnectionsMax  = "folioscope_health_database_connections_max"
	MeasureRotation        = "folioscope_health_keys_rotating"
	MeasureBus             = "folioscope_health_bus_connected"
	MeasureJobsWaiting     = "folioscope_health_jobs_waiting"
	MeasureJobsRunning     = "folioscope_health_jobs_running"
	MeasureJobsDead        = "folioscope_health_jobs_dead"
	MeasureJobsOldest      = "folioscope_health_jobs_oldest_seconds"
	MeasureMailWaiting     = "folioscope_health_mail_waiting"
	MeasureAuditWaiting    = "folioscope_health_audit_waiting_rows"
	MeasureAuditLag        = "folioscope_health_audit_lag_seconds"
	MeasureStaleShare      = "folioscope_health_stale_ratio"
	MeasureSourceDown      = "folioscope_health_source_down"
	MeasureBackupAge       = "folioscope_health_backup_age_seconds"
)

// Family describes a measure to whoever shows it.
type Family struct {
	Name, Help string
	Label      string // empty where there is one value
}

// Measures are all measures.
func Measures() []Family {
	return []Family{
		{MeasureDiskFree, "Free on the disk that holds the data directory.", ""},
		{MeasureDiskSize, "Size of the disk that holds the data directory.", ""},
		{MeasureCertificateEnds, "When the certificate of HTTPS ends, in seconds since 1970.", ""},
		{MeasureClockSkew, "How far this machine's clock is ahead of another's.", "against"},
		{MeasureDatabaseAnswer, "How long the database took for the shortest question.", ""},
		{MeasureDatabaseSize, "Size of the database.", ""},
		{MeasureDatabaseLog, "Size of SQLite's write-ahead log.", ""},
		{MeasureConnections, "Connections to PostgreSQL, of everybody.", ""},
		{MeasureConnectionsMax, "Connections that PostgreSQL allows.", ""},
		{MeasureRotation, "1 while a rotation of keys is begun and not finished.", ""},
		{MeasureBus, "1 while hints flow.", ""},
		{MeasureJobsWaiting, "Jobs that wait, those that will be tried again included.", "kind"},
		{MeasureJobsRunning, "Jobs that run.", "kind"},
		{MeasureJobsDead, "Jobs that were given up within the last day.", "kind"},
		{MeasureJobsOldest, "For how long the oldest job has been due.", ""},
		{MeasureMailWaiting, "Mails that wait.", ""},
		{MeasureAuditWaiting, "Audit rows that aren't signed yet.", ""},
		{MeasureAuditLag, "For how long the oldest audit row has been waiting to be signed.", ""},
		{MeasureStaleShare, "Share of the instruments that trade now whose price is older than 21 minutes.", ""},
		{MeasureSourceDown, "1 while a source is left alone because it failed, or refuses our key.", "source"},
		{MeasureBackupAge, "Age of the newest backup; not there where they aren't watched.", ""},
	}
}
