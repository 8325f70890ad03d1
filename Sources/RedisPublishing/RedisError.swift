/// What went wrong with Redis, what the publisher does about it, and what a person can do about it.
public struct RedisError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The raw value is the label of the metric and the key in `PublisherStatus.errors`.
  public enum Kind: String, Sendable, CaseIterable {
    case oom, misconf, loading, busy, tryagain, clusterdown
    case readonly, masterdown, moved, ask
    case noperm, noauth, wrongtype, crossslot
    /// The namespace holds data that this program did not write, or cannot read.
    case foreign
    /// Another engine writes to the namespace.
    case writer
    /// The URL in `redis.url` cannot be used.
    case address
    /// Any other error reply.
    case other
    case `protocol`, io, timeout
  }

  public enum Policy: Sendable, Equatable {
    /// The server cannot take writes now: keep the queue and retry on the same connection with backoff.
    case backOff
    /// Another server is responsible: resolve the name, reconnect, and send again what was not acknowledged.
    case reroute
    /// An operator must change something: report it, be not ready, and retry slowly.
    case configuration
    /// This connection is out of step or dead: close it, reconnect, and send again what was not acknowledged.
    case dropConnection
  }

  public let kind: Kind
  /// What happened, without the advice.
  public let message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// Classifies an error reply, e.g. `OOM command not allowed when used memory > 'maxmemory'.`
  public init(reply: String) {
    self.init(Self.kind(ofReply: reply), "Redis answered \"\(reply.prefix(200))\"")
  }

  public var policy: Policy {
    switch kind {
    case .oom, .misconf, .loading, .busy, .tryagain, .clusterdown: .backOff
    case .readonly, .masterdown, .moved, .ask: .reroute
    case .noperm, .noauth, .wrongtype, .crossslot, .foreign, .writer, .address, .other: .configuration
    case .protocol, .io, .timeout: .dropConnection
    }
  }

  public var description: String {
    guard let fix else { return message }
    return "\(message): \(fix)"
  }

  /// What an operator can do about it.
  public var fix: String? {
    switch kind {
    case .oom: "raise maxmemory of redis-server, or free memory there; publishing resumes by itself"
    case .misconf: "the server cannot save its data (disk full?); see its log, then CONFIG SET stop-writes-on-bgsave-error no or free space"
    case .loading: "the server is still loading its data; publishing resumes by itself"
    case .busy: "a script blocks the server or it has no free connection; SCRIPT KILL, or raise maxclients"
    case .tryagain, .clusterdown: "the cluster is being rearranged; publishing resumes by itself"
    case .readonly, .masterdown: "this server is a replica; let redis.url name the master"
    case .moved, .ask: "this server belongs to a cluster, which is not supported yet; let redis.url name a server outside a cluster"
    case .noperm: "the ACL user lacks a permission; schemas/redis-keys.md lists the commands and keys that are needed"
    case .noauth: "check redis.username and redis.password_file (or FRESHET_REDIS_PASSWORD)"
    case .wrongtype: "a key of Freshet holds a value of another type; delete it, or choose another redis.key_prefix or redis.namespace"
    case .crossslot: "keys of one command lie in different slots: a cluster is not supported yet"
    case .foreign: "choose another redis.key_prefix or redis.namespace, or delete that key if it is not needed"
    case .writer:
      "stop one of the two, give this one a redis.namespace and a kafka.group_id of its own, or start it with --takeover"
    case .address: nil
    case .other: "see the log of redis-server; version 6.2 or later is needed"
    case .protocol: "is redis.url really the address of a Redis server?"
    case .io: "is redis-server running? Start it, or name another one with --redis URL / redis.url"
    case .timeout: "the server is overloaded, hangs or is unreachable; look at it with redis-cli, or raise redis.timeout"
    }
  }

  private static func kind(ofReply reply: String) -> Kind {
    let word = reply.prefix { $0 != " " }
    switch word {
    case "OOM": return .oom
    case "MISCONF": return .misconf
    case "LOADING": return .loading
    case "BUSY", "UNKILLABLE": return .busy
    case "TRYAGAIN", "NOREPLICAS": return .tryagain
    case "CLUSTERDOWN": return .clusterdown
    case "READONLY": return .readonly
    case "MASTERDOWN": return .masterdown
    case "MOVED": return .moved
    case "ASK": return .ask
    case "NOPERM": return .noperm
    case "NOAUTH", "WRONGPASS", "DENIED": return .noauth
    case "WRONGTYPE": return .wrongtype
    case "CROSSSLOT": return .crossslot
    case "ERR" where reply.contains("max number of clients"): return .busy
    case "ERR" where reply.contains("AUTH") || reply.contains("invalid password"): return .noauth
    default: return .other
    }
  }
}
