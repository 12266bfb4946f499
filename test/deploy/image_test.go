package deploy

import "testing"

func TestImage(t *testing.T) {
	text := read(t, root+"/Dockerfile")
	for _, err := range *checkImage(text) {
		t.Error(err)
	}
	for _, s := range []spoiling{
		{"an instruction mistyped", "WORKDIR /src\n", "WORKDIRR /src\n", "unknown instruction"},
		{"a flag that nobody knows", "COPY --from=binary /out", "COPY --form=binary /out", "unknown flag"},
		{"root", "USER 65532:65532", "USER root", "isn't root's"},
		{"root by number", "USER 65532:65532", "USER 0", "isn't root's"},
		{"a base with a shell", "FROM scratch", "FROM alpine:3.22", "holds more"},
		{"whichever base", "golang:1.26-bookworm", "golang:latest", "whichever"},
		{"no authorities", "/etc/ssl/certs/ca-certificates.crt\n", "/etc/ca.crt\n", "lacks"},
		{"data elsewhere", "ENV FOLIOSCOPE_DATA_DIR=/var/lib/folioscope", "ENV FOLIOSCOPE_DATA_DIR=/data", "the data lies in /data"},
		{"a setting that isn't one", "ENV FOLIOSCOPE_DATA_DIR", "ENV FOLIOSCOPE_DATADIR", "unknown variable"},
		{"a shell", `ENTRYPOINT ["/folioscope"]`, `ENTRYPOINT /folioscope`, "not the binary itself"},
		{"something from the network", "COPY LICENSE NOTICE /", "ADD https://example.org/x /", "copies, and nothing else"},
	} {
		t.Run(s.name, func(t *testing.T) {
			if wrong := checkImage(s.spoil(t, text)); !wrong.says(s.want) {
				t.Errorf("said %v, want %q", *wrong, s.want)
			}
		})
	}
}
