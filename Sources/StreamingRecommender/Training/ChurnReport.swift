/// How the lists of two models differ, on a sample of users.
public struct ChurnReport: Sendable, Equatable, Codable {
  /// The number of users whose lists were compared.
  public var users: Int
  /// Mean share of a user's list that is in both lists, whatever the rank.
  public var overlap: Double
  /// Share of the users who get another first item.
  public var firstChanged: Double
  /// Distinct items in the sampled lists over the items that have a vector, before and after.
  public var coverageBefore: Double
  public var coverageAfter: Double
  /// Share of the places in lists that the most popular tenth of the items takes, before and after.
  public var popularShareBefore: Double
  public var popularShareAfter: Double

  /// The share of a list that is exchanged on average.
  public var drift: Double { 1 - overlap }
}
