package deploy

import (
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// checkImage reads a Dockerfile with BuildKit's own parser and names everything that is wrong with it.
func checkImage(text string) *faults {
	var wrong faults
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		wrong.take(err)
		return &wrong
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		wrong.take(err)
		return &wrong
	}
	for _, warning := range parsed.Warnings {
		wrong.add("%s", warning.Short)
	}
	for _, stage := range stages[:len(stages)-1] {
		if _, tag, tagged := strings.Cut(stage.BaseName, ":"); !tagged || tag == "latest" {
			wrong.add("stage %s is built on whichever %s is the newest", stage.Name, stage.BaseName)
		}
	}
	checkLastStage(&wrong, stages[len(stages)-1])
	return &wrong
}

// checkLastStage holds what people run: the binary, authorities, a place for data, and nobody's rights.
func checkLastStage(wrong *faults, stage instructions.Stage) {
	if stage.BaseName != "scratch" {
		wrong.add("what is run is built on %s, which holds more than it needs", stage.BaseName)
	}
	variables := map[string]string{"FOLIOSCOPE_KEYS_KEK": "/run/secrets/kek"}
	held, volumes, user := []string{}, []string{}, ""
	for _, command := range stage.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EnvCommand:
			for _, pair := range c.Env {
				variables[pair.Key] = pair.Value
			}
		case *instructions.VolumeCommand:
			volumes = append(volumes, c.Volumes...)
		case *instructions.CopyCommand:
			held = append(held, c.DestPath)
		case *instructions.AddCommand, *instructions.RunCommand:
			wrong.add("%s: the last stage copies, and nothing else", command.Name())
		case *instructions.EntrypointCommand:
			if c.PrependShell || !slices.Equal(c.CmdLine, []string{"/folioscope"}) {
				wrong.add("ENTRYPOINT %v is not the binary itself", c.CmdLine)
			}
		}
	}
	if uid, _, _ := strings.Cut(user, ":"); strings.Trim(uid, "0123456789") != "" || strings.Trim(uid, "0") == "" {
		wrong.add("USER %q: needs a number that isn't root's, so that Kubernetes can see that", user)
	}
	for _, file := range []string{"/folioscope", "/etc/ssl/certs/ca-certificates.crt"} {
		if !slices.Contains(held, file) {
			wrong.add("the image lacks %s", file)
		}
	}
	c, err := settings(variables)
	if err != nil {
		wrong.take(err)
		return
	}
	if !slices.Contains(volumes, c.DataDir) || !slices.Contains(held, path.Clean(c.DataDir)) {
		wrong.add("the data lies in %s, which is no volume that belongs to the user", c.DataDir)
	}
}
