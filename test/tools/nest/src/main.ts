import 'reflect-metadata';
import { Controller, Get, Inject, Injectable, Module, type OnModuleDestroy, type OnModuleInit, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { action, type Engine, flow, open } from 'perdure';

@Injectable()
class Prices {
  of(item: string): number {
    return item.length;
  }
}

/** Its fields hold a flow and an action, which use what was injected. */
@Injectable()
class Orders implements OnModuleInit, OnModuleDestroy {
  #engine: Engine | undefined;

  constructor(@Inject(Prices) private readonly prices: Prices) {}

  private readonly price = action('price', async (item: string) => this.prices.of(item));
  readonly order = flow('order', async (item: string) => `${item}: ${await this.price(item)}`);

  async onModuleInit(): Promise<void> {
    this.#engine = await open({ store: process.argv[2] as string });
  }

  async onModuleDestroy(): Promise<void> {
    await this.#engine?.close();
  }
}

@Controller('orders')
class OrdersController {
  constructor(@Inject(Orders) private readonly orders: Orders) {}

  @Get(':item')
  async get(@Param('item') item: string): Promise<{ result: string }> {
    return { result: await this.orders.order.with({ id: item })(item) };
  }
}

@Module({ controllers: [OrdersController], providers: [Orders, Prices] })
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  const answers: unknown[] = [];
  for (const item of ['book', 'book', 'pen']) {
    const answer = (await (await fetch(`${await app.getUrl()}/orders/${item}`)).json()) as { result: string };
    answers.push(answer.result);
  }
  await app.close();
  console.log(answers.join(', '));
}

void main();
