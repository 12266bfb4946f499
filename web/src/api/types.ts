/**
 * The shapes of the API under the names the dashboard uses. They come from openapi.json (`npm run generate`),
 * every one of them. Amounts, quantities, prices and rates are decimal
 * strings; `*_percent` are percent points, `weight` and `share` fractions; unknown is null.
 */
import type { components, operations } from './schema';

type Schemas = components['schemas'];

export type Decimal = string;
export type Day = string;
export type Instant = string;

export type User = Schemas['User'];
export type Role = User['role'];
export type PortfolioItem = Schemas['Portfolio'];
/** How a disposal finds the lots it takes. */
export type LotMethod = PortfolioItem['lot_method'];
/** Where a disposal looks for lots: in its own account, or in the whole portfolio. */
export type LotScope = PortfolioItem['lot_scope'];
export type Account = Schemas['Account'];

export type Price = Schemas['Price'];
export type DataState = Price['state'];
export type Holding = Schemas['Holding'];
export type Contribution = Schemas['Contribution'];
export type Market = Schemas['Market'];
export type Rate = Schemas['Rate'];
export type Problem = Schemas['Trouble'];
/** What one portfolio is worth now and why; also the payload of the stream's `snapshot`. */
export type PortfolioDocument = Schemas['PortfolioDocument'];
export type PortfolioDelta = Schemas['PortfolioDelta'];
export type StreamStatus = Schemas['StreamStatus'];
export type StreamDegraded = Schemas['StreamDegraded'];
/** What the service may have to do without. */
export type Away = StreamDegraded['away'][number];

/** `type` may be one that a later server knows and this dashboard doesn't. */
export type Activity = Schemas['Activity'];
/** What a person enters; fields a type does not need are left out. */
export type ActivityInput = Schemas['ActivityFields'];
export type ActivityType = ActivityInput['type'];
export type ActivityPage = Schemas['ActivityPage'];

/** A split or dividend of something held that is not booked yet. */
export type Proposal = Schemas['Proposal'];
export type ProposalList = Schemas['Proposals'];

export type Instrument = Schemas['Instrument'];
/** A listing that a search found: here already, or known to a source. */
export type FoundInstrument = Schemas['FoundInstrument'];
export type FoundInstruments = Schemas['FoundInstruments'];
/** An instrument as who looks after it sees it. */
export type InstrumentRecord = Schemas['InstrumentRecord'];
export type InstrumentChange = Schemas['ChangeInstrumentInputBody'];
export type InstrumentInput = Schemas['CreateInstrumentInputBody'];
/** Something that no source prices, known in one portfolio alone. */
export type OwnInstrument = Schemas['OwnInstrument'];
export type OwnInput = Schemas['CreateOwnInputBody'];
export type OwnChange = Schemas['ChangeOwnInputBody'];
/** The prices of one instrument that were entered by hand, newest first. */
export type ManualPrices = Schemas['ManualPrices'];
export type PricesChanged = Schemas['PricesChanged'];
export type Lot = Schemas['Lot'];
export type HoldingDetail = Schemas['HoldingDetail'];
/** Closes as traded and as drawn across splits, with the trades in both units. */
export type HoldingPrices = Schemas['HoldingPrices'];
export type HoldingPrice = Schemas['HoldingPrice'];

export type ImportError = Schemas['ImportError'];
export type ImportRow = Schemas['ImportRow'];
export type ImportPreview = Schemas['ImportPreview'];
export type ImportResult = Schemas['ImportResult'];

export type HistoryPoint = Schemas['HistoryPoint'];
export type History = Schemas['History'];
export type Allocation = Schemas['Allocation'];
export type AllocationItem = Schemas['AllocationItem'];
export type AllocationLeaf = Schemas['AllocationLeaf'];
export type Dimension = Allocation['by'];
/** The figures of a period; totals are amounts in the base currency, rates are fractions. */
export type Performance = Schemas['Performance'];

/** Where a value of a trail was read. */
export type TrailSource = Schemas['TrailSource'];
/** One step of how a figure came about: its operation applied to the values of its inputs gives its value. */
export type TrailNode = Schemas['TrailNode'];
export type Explanation = Schemas['Explanation'];

/** Figures of a period by every lot method in both scopes. */
export type LotMethods = Schemas['LotMethods'];
export type LotMethodFigures = LotMethods['items'][number];
export type LotMethodPosition = LotMethodFigures['positions'][number];

/** Dividends and interest of a period; yields are fractions. */
export type Income = Schemas['Income'];
/** Returns by month and year, rolling, best and worst, and the falls; fractions all. */
export type PeriodReturns = Schemas['PeriodReturns'];
/** What each holding did for the period's result. */
export type ContributionsOfPeriod = Schemas['PeriodContribution'];
export type ContributionItem = ContributionsOfPeriod['items'][number];
/** price + currency + income − costs = profit. */
export type ContributionParts = ContributionsOfPeriod['cash'];
export type Exposure = Schemas['Exposure'];
export type ExposureDimension = Exposure['by'];
/** The portfolio beside one instrument into which the same money went on the same days. */
export type BenchmarkComparison = Schemas['BenchmarkComparison'];

export type AdminUser = Schemas['AdminUser'];
export type Invitation = Schemas['Invitation'];
export type AuditRecord = Schemas['AuditRecord'];
export type AuditCheckpoint = Schemas['AuditCheckpoint'];
export type OwnRecord = Schemas['OwnRecord'];

/** One browser that is signed in. */
export type SessionItem = Schemas['SessionItem'];
export type SecondFactor = Schemas['SecondFactor'];
/** What an authenticator app is set up with. */
export type Enrolment = Schemas['Enrolment'];
export type TokenItem = Schemas['TokenItem'];
export type NewToken = Schemas['NewToken'];
export type PasskeyItem = Schemas['PasskeyItem'];
/** What the Web Authentication API takes or gives, as the server hands it on. */
export type BrowserJSON = NonNullable<Schemas['PasskeyOptions']['options']>;
/** What is shown besides the password. */
export interface Second {
  totp?: string;
  passkey?: BrowserJSON;
}
/** Another service that people may sign in with. */
export type SignInService = Schemas['SignInServiceItem'];
export type LinkedSignIn = Schemas['LinkedSignIn'];
export type TokenScope = 'read' | 'write' | 'admin';

/** RFC 9457 problem document, any part of which may be missing when a proxy answered. */
export type ProblemDocument = Partial<Schemas['Problem']>;

/** Where the prices of a portfolio come from, the worst first. */
export type PortfolioData = Schemas['PortfolioData'];
export type DataItem = Schemas['DataItem'];
export type PriceSource = Schemas['PriceSource'];
export type HistoryProgress = Schemas['HistoryProgress'];

/** How the sources of prices are doing, for administrators. */
export type Sources = Schemas['Sources'];
export type Source = Schemas['Source'];
export type SourceQuota = Schemas['SourceQuota'];
export type SourceTest = Schemas['SourceTest'];
export type HeldPrice = Schemas['HeldPrice'];
export type SystemStatus = Schemas['SystemStatus'];
export type SystemBook = Schemas['SystemBook'];
export type SystemCheck = Schemas['SystemCheck'];
export type SystemNode = Schemas['SystemNode'];
export type JobCount = Schemas['JobCount'];
export type MarketCalendar = Schemas['MarketCalendar'];
export type CalendarOverride = Schemas['CalendarOverride'];

/** How much of a portfolio others may see. */
export type LinkLevel = Schemas['PublicLink']['level'];
export type PublicLink = Schemas['PublicLink'];
export type NewPublicLink = Schemas['NewPublicLink'];
/** What a public link shows; amounts are null unless its level is `view`. */
export type PublicPortfolio = Schemas['PublicPortfolio'];

/** What somebody was given of a portfolio, or is offered. */
export type Grant = Schemas['Grant'];
export type GrantLevel = Grant['level'];
export type NewGrant = Schemas['NewGrant'];

/** Something that one was told. */
export type Notification = Schemas['Notification'];
export type NotificationSettings = Schemas['NotificationSettings'];
/** A way by which one is told. */
export type Channel = Schemas['ChannelItem'];
export type ChannelKind = Channel['kind'];
export type NewChannel = Schemas['NewChannel'];
export type ChannelRequest = Schemas['NewChannelInputBody'];
export type Household = Schemas['Household'];
export type HouseholdInvitation = Schemas['HouseholdInvitation'];
export type HouseholdMember = Schemas['HouseholdMember'];
export type HouseholdPortfolio = Schemas['HouseholdPortfolio'];
export type HouseholdLevel = HouseholdPortfolio['level'];
/** A portfolio without amounts. */
export type Percentages = Schemas['Percentages'];

/** What somebody wants to be told of, and how it stands. */
export type Alert = Schemas['Alert'];
export type AlertList = Schemas['Alerts'];
export type AlertCondition = Schemas['AlertCondition'];
export type AlertKind = AlertCondition['kind'];
export type AlertDirection = NonNullable<AlertCondition['direction']>;
export type NewAlert = Schemas['CreateAlertInputBody'];
export type AlertChange = Schemas['ChangeAlertInputBody'];
export type AlertPreview = Schemas['AlertPreview'];
export type AlertLogEntry = Schemas['AlertLogEntry'];
export type AlertLogFilter = Omit<
  NonNullable<operations['get-alerts-log']['parameters']['query']>,
  'cursor' | 'limit'
>;
