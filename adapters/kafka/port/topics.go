package port

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// firstWithAuto is the version of Metadata from which a client says whether topics are to be made. Before,
// Kafka makes them.
const firstWithAuto = 4

// makeTopics has topics made that are asked for by name and are missing, where the client is too old to
// say so; kfake reads that as a no. A name that no topic may have is refused.
func makeTopics(r kmsg.Request) change {
	req := r.(*kmsg.MetadataRequest)
	if req.Version < firstWithAuto {
		if req.Version == 0 && len(req.Topics) == 0 {
			req.Topics = nil // all
		}
		req.SetVersion(firstWithAuto)
		req.AllowAutoTopicCreation = true
	}
	var refused []string
	if req.AllowAutoTopicCreation {
		req.Topics = slices.DeleteFunc(req.Topics, func(t kmsg.MetadataRequestTopic) bool {
			wrong := t.Topic != nil && t.TopicID == [16]byte{} && checkName(*t.Topic) != ""
			if wrong {
				refused = append(refused, *t.Topic)
			}
			return wrong
		})
	}
	return change{change: func(r kmsg.Response) {
		resp := r.(*kmsg.MetadataResponse)
		for _, name := range refused {
			t := kmsg.NewMetadataResponseTopic()
			t.Topic, t.ErrorCode = &name, kerr.InvalidTopicException.Code
			resp.Topics = append(resp.Topics, t)
		}
	}}
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

const maxTopicName = 249 // bytes

// checkName says what is wrong with a topic's name, in Kafka's words; "" for nothing.
func checkName(name string) string {
	const wrong = "Topic name is invalid: "
	switch {
	case name == "":
		return wrong + "the empty string is not allowed"
	case name == "." || name == "..":
		return wrong + "'" + name + "' is not allowed"
	case len(name) > maxTopicName:
		return fmt.Sprintf("%sthe length of '%s' is longer than the max allowed length %d", wrong, name, maxTopicName)
	case !topicName.MatchString(name):
		return wrong + "'" + name + "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
	}
	return ""
}

// createTopics refuses names and settings that Kafka does not know, with its words. Java's clients take the
// list of a new topic's settings to be there; kfake leaves it out where nothing was set.
func (p *Port) createTopics(r kmsg.Request) change {
	req := r.(*kmsg.CreateTopicsRequest)
	var refused []kmsg.CreateTopicsResponseTopic
	req.Topics = slices.DeleteFunc(req.Topics, func(t kmsg.CreateTopicsRequestTopic) bool {
		code, text := kerr.InvalidTopicException.Code, checkName(t.Topic)
		for i := range t.Configs {
			if text == "" {
				code = kerr.InvalidConfig.Code
				t.Configs[i].Value, text = checkSetting(t.Configs[i].Name, t.Configs[i].Value)
			}
		}
		if text == "" {
			return false
		}
		answer := kmsg.NewCreateTopicsResponseTopic()
		answer.Topic, answer.ErrorCode, answer.ErrorMessage = t.Topic, code, &text
		answer.NumPartitions, answer.ReplicationFactor = -1, -1
		refused = append(refused, answer)
		return true
	})
	return change{change: func(r kmsg.Response) {
		p.changed()
		resp := r.(*kmsg.CreateTopicsResponse)
		for i := range resp.Topics {
			t := &resp.Topics[i]
			for k := range t.Configs {
				t.Configs[k].Source = int8(kmsg.ConfigSourceDynamicTopicConfig)
			}
			if t.Configs == nil {
				t.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
			}
		}
		resp.Topics = append(resp.Topics, refused...)
	}}
}

// named is a setting of a request.
type named struct {
	name  string
	value **string
}

// refuseSettings takes the topics out that would get settings that a topic of Kafka does not have, and puts
// the others' values as they are kept. noValueCode is the error of a setting without one.
func refuseSettings[R any](resources []R, noValueCode int16, parts func(R) (kmsg.ConfigResourceType, string, []named)) ([]R, []kmsg.AlterConfigsResponseResource) {
	var refused []kmsg.AlterConfigsResponseResource
	kept := slices.DeleteFunc(resources, func(r R) bool {
		kind, name, list := parts(r)
		text := ""
		for _, s := range list {
			if text == "" && kind == kmsg.ConfigResourceTypeTopic {
				*s.value, text = checkSetting(s.name, *s.value)
			}
		}
		if text == "" {
			return false
		}
		answer := kmsg.NewAlterConfigsResponseResource()
		answer.ResourceType, answer.ResourceName, answer.ErrorCode, answer.ErrorMessage = kind, name, kerr.InvalidConfig.Code, &text
		if strings.HasPrefix(text, noValue) {
			answer.ErrorCode = noValueCode
		}
		refused = append(refused, answer)
		return true
	})
	return kept, refused
}

func (p *Port) alterConfigs(r kmsg.Request) change {
	req := r.(*kmsg.AlterConfigsRequest)
	kept, refused := refuseSettings(req.Resources, kerr.InvalidConfig.Code, func(res kmsg.AlterConfigsRequestResource) (kmsg.ConfigResourceType, string, []named) {
		list := make([]named, len(res.Configs))
		for i := range res.Configs {
			list[i] = named{res.Configs[i].Name, &res.Configs[i].Value}
		}
		return res.ResourceType, res.ResourceName, list
	})
	req.Resources = kept
	return change{change: func(r kmsg.Response) {
		p.changed()
		resp := r.(*kmsg.AlterConfigsResponse)
		resp.Resources = append(resp.Resources, refused...)
	}}
}

// incrementalAlterConfigs is alterConfigs for single settings. One that is taken away may be unknown.
func (p *Port) incrementalAlterConfigs(r kmsg.Request) change {
	req := r.(*kmsg.IncrementalAlterConfigsRequest)
	kept, refused := refuseSettings(req.Resources, kerr.InvalidRequest.Code, func(res kmsg.IncrementalAlterConfigsRequestResource) (kmsg.ConfigResourceType, string, []named) {
		var list []named
		for i := range res.Configs {
			if s := &res.Configs[i]; s.Op != kmsg.IncrementalAlterConfigOpDelete {
				list = append(list, named{s.Name, &s.Value})
			}
		}
		return res.ResourceType, res.ResourceName, list
	})
	req.Resources = kept
	return change{change: func(r kmsg.Response) {
		p.changed()
		resp := r.(*kmsg.IncrementalAlterConfigsResponse)
		for _, answer := range refused {
			resp.Resources = append(resp.Resources, kmsg.IncrementalAlterConfigsResponseResource(answer))
		}
	}}
}

func (p *Port) deleteTopics(kmsg.Request) change {
	return change{asIs: true, change: func(kmsg.Response) { p.changed() }}
}

// listReplicas puts empty lists where Java's admin client, 3.8 and newer, reads lists without asking
// whether there are any.
func listReplicas(r kmsg.Response) {
	for _, t := range r.(*kmsg.DescribeTopicPartitionsResponse).Topics {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			if p.EligibleLeaderReplicas == nil {
				p.EligibleLeaderReplicas = []int32{}
			}
			if p.LastKnownELR == nil {
				p.LastKnownELR = []int32{}
			}
		}
	}
}
