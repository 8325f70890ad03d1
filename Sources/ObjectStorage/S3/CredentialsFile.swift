/// Where the credentials of an S3 server come from: a file in the form that AWS tools share, or variables of the environment.
///
/// Values without I/O: the caller reads the file, after it has checked who else can.
public enum CredentialsFile {
  /// Finds the keys of one profile: `[name]`, then lines `name = value`.
  public static func parse(_ text: String, profile: String) throws(ObjectStoreError) -> S3Credentials {
    var section: Substring?
    var found: [Substring: Substring] = [:]
    var profiles: [Substring] = []
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let line = trimmed(line)
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      if line.hasPrefix("["), line.hasSuffix("]") {
        let name = trimmed(line.dropFirst().dropLast())
        section = name
        profiles.append(name)
        continue
      }
      // The line itself is not repeated: it may be a secret.
      guard let equals = line.firstIndex(of: "="), let current = section else {
        throw ObjectStoreError(.invalid, "line \(number + 1) is neither [PROFILE] nor NAME = VALUE below one")
      }
      if current == profile { found[trimmed(line[..<equals])] = trimmed(line[line.index(after: equals)...]) }
    }
    guard profiles.contains(where: { $0 == profile }) else {
      let known = profiles.isEmpty ? "it has no profile" : "it has " + profiles.joined(separator: ", ")
      throw ObjectStoreError(.invalid, "there is no profile [\(profile)]: \(known)")
    }
    guard let access = found["aws_access_key_id"], let secret = found["aws_secret_access_key"], !access.isEmpty, !secret.isEmpty else {
      throw ObjectStoreError(.invalid, "the profile [\(profile)] lacks aws_access_key_id or aws_secret_access_key")
    }
    return S3Credentials(
      accessKey: String(access), secretKey: String(secret), sessionToken: found["aws_session_token"].map(String.init))
  }

  /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; `nil` if the first two are not set.
  public static func environment(_ variables: [String: String]) -> S3Credentials? {
    guard let access = variables["AWS_ACCESS_KEY_ID"], let secret = variables["AWS_SECRET_ACCESS_KEY"], !access.isEmpty, !secret.isEmpty
    else { return nil }
    return S3Credentials(accessKey: access, secretKey: secret, sessionToken: variables["AWS_SESSION_TOKEN"])
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
