export interface Item {
  readonly productId: string;
  readonly quantity: number;
  /** Dollars a unit. */
  readonly price: number;
}

export interface Customer {
  readonly id: string;
  readonly address: { readonly state: string; readonly zipCode: string };
  readonly paymentMethod: string;
}

export interface Order {
  readonly orderId: string;
  readonly items: readonly Item[];
  readonly customer: Customer;
}
