package deploy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const unitDir = root + "/deploy/systemd"

// confinement is what a unit must say, in systemd's words; where there are several values they are lines of the file.
var confinement = map[string]string{
	"Type": "exec", "User": "folioscope", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "", "ProtectSystem": "strict",
	"ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "PrivateUsers": "yes", "ProtectHostname": "yes", "ProtectClock": "yes",
	"ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes", "ProtectControlGroups": "yes", "RestrictNamespaces": "yes",
	"RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native",
	"SystemCallFilter": "@system-service\n~@privileged @resources", "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK", "UMask": "0077",
	"StateDirectoryMode": "0700", "Restart": "on-failure", "RestartPreventExitStatus": "2", "LoadCredential": "kek:/etc/folioscope/kek",
}

var unitVariable = regexp.MustCompile(`^(\w+)=(.*)$`)

// readUnit reads the directives of a unit file by section; a directive that is said again adds a line.
func readUnit(text string) (sections map[string]map[string]string, wrong faults) {
	sections = map[string]map[string]string{}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = strings.Trim(line, "[]")
			sections[section] = map[string]string{}
		case section == "":
			wrong.add("line %d: stands before any section", i+1)
		default:
			name, value, ok := strings.Cut(line, "=")
			if !ok {
				wrong.add("line %d: is no directive", i+1)
				continue
			}
			if before, again := sections[section][name]; again {
				value = before + "\n" + value
			}
			sections[section][name] = value
		}
	}
	return sections, wrong
}

// checkUnit names everything that is wrong with a unit of a node. What systemd doesn't know it ignores with a warning, so that a mistyped
// directive protects from nothing: `systemd-analyze verify` finds those, where there is one.
func checkUnit(text string) *faults {
	sections, wrong := readUnit(text)
	service := sections["Service"]
	for name, want := range confinement {
		if got, said := service[name]; !said || got != want {
			wrong.add("%s=%s, want %s=%s", name, got, name, want)
		}
	}
	command := strings.Fields(service["ExecStart"])
	if len(command) != 4 || !slices.Equal(command[:3], []string{"/usr/local/bin/folioscope", "serve", "--config"}) || !strings.HasPrefix(command[3], "/etc/folioscope/") {
		wrong.add("ExecStart=%s doesn't serve with a settings file", service["ExecStart"])
	}
	if seconds, err := strconv.Atoi(service["TimeoutStopSec"]); err != nil || seconds < int(readyWithin.Seconds()) {
		wrong.add("TimeoutStopSec=%s: the node is killed before it has left", service["TimeoutStopSec"])
	}
	if open, err := strconv.Atoi(service["LimitNOFILE"]); err != nil || open < 1<<16 {
		wrong.add("LimitNOFILE=%s: 10,000 streams need more", service["LimitNOFILE"])
	}
	variables := map[string]string{"STATE_DIRECTORY": "/var/lib/" + service["StateDirectory"]}
	for line := range strings.SplitSeq(service["Environment"], "\n") {
		if m := unitVariable.FindStringSubmatch(line); m != nil {
			variables[m[1]] = m[2]
		}
	}
	c, err := settings(variables)
	if err != nil {
		wrong.take(err)
		return &wrong
	}
	if c.Keys.KEK != "credential:kek" {
		wrong.add("keys.kek is %q, not the credential", c.Keys.KEK)
	}
	if !strings.HasPrefix(c.DataDir, "/var/lib/folioscope") {
		wrong.add("the data lies in %s", c.DataDir)
	}
	return &wrong
}
