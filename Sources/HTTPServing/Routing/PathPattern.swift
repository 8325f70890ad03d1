/// The pattern of a route, such as `/v1/jobs/{id}`.
struct PathPattern: Sendable {
  enum Segment: Sendable, Equatable {
    case literal(String)
    case parameter(String)
  }

  let text: String
  let segments: [Segment]

  /// A segment `{name}` matches any segment that is not empty.
  init(_ text: String) {
    precondition(text.hasPrefix("/"), "a pattern starts with a slash, got \(text)")
    self.text = text
    segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map {
      $0.hasPrefix("{") && $0.hasSuffix("}") ? .parameter(String($0.dropFirst().dropLast())) : .literal(String($0))
    }
  }

  var parameterNames: [String] {
    segments.compactMap { segment in
      guard case .parameter(let name) = segment else { return nil }
      return name
    }
  }

  /// The decoded segments of a path, or `nil` if an escape is malformed.
  ///
  /// Split first, then decoded once: an escaped slash is part of a segment.
  static func split(_ rawPath: String) -> [String]? {
    var parts: [String] = []
    for part in rawPath.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      guard let decoded = PercentEncoding.decode(Substring(part)) else { return nil }
      parts.append(decoded)
    }
    return parts
  }

  func matches(_ parts: [String]) -> Bool {
    for (segment, part) in zip(segments, parts) {
      switch segment {
      case .literal(let text): guard text == part else { return false }
      case .parameter: guard !part.isEmpty else { return false }
      }
    }
    return true
  }

  func parameters(_ parts: [String]) -> [String: String] {
    var parameters: [String: String] = [:]
    for (segment, part) in zip(segments, parts) {
      if case .parameter(let name) = segment { parameters[name] = part }
    }
    return parameters
  }

  /// Whether this pattern is tried before another with as many segments: at the first difference it has the literal.
  func isMoreSpecific(than other: PathPattern) -> Bool {
    for (mine, theirs) in zip(segments, other.segments) {
      switch (mine, theirs) {
      case (.literal, .parameter): return true
      case (.parameter, .literal): return false
      default: continue
      }
    }
    return false
  }

  /// Whether both match the same paths, whatever their parameters are called.
  func isEquivalent(to other: PathPattern) -> Bool {
    segments.count == other.segments.count
      && zip(segments, other.segments).allSatisfy { pair in
        switch pair {
        case (.literal(let mine), .literal(let theirs)): mine == theirs
        case (.parameter, .parameter): true
        default: false
        }
      }
  }
}
