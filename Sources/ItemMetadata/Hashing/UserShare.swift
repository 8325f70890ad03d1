/// Places each user in one of 10,000 buckets, in the same one everywhere and at all times.
///
/// The bucket is the first 8 bytes of SHA-256(salt, a zero byte, user id) as a big-endian number, modulo 10,000. It is not the hash that
/// assigns users to partitions, so a share of users is spread over all partitions.
public enum UserShare {
  public static let buckets = 10_000

  public static func bucket(of user: String, salt: String) -> Int {
    Int(SHA256Digest(Array(salt.utf8) + [0] + Array(user.utf8)).prefix % UInt64(buckets))
  }

  /// Whether the user is among this share in percent. Raising the share removes nobody. Without a user, only the whole share applies.
  public static func includes(_ user: String?, percent: Double, salt: String) -> Bool {
    if percent >= 100 { return true }
    guard let user, percent > 0 else { return false }
    return Double(bucket(of: user, salt: salt)) < percent * Double(buckets) / 100
  }
}
